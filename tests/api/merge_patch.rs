//! JSON Merge Patch (RFC 7396) of `custom` and `extensions`.

use crate::support::api::Api;
use serde_json::{Value, json};

engine_tests! {
    rfc_7396_examples_apply_to_nested_values
    rfc_7396_examples_apply_to_the_whole_object
    nulls_are_values_outside_patches
    custom_is_merged_at_every_depth
}

/// RFC 7396, appendix A: original, patch, result.
fn examples() -> [(Value, Value, Value); 15] {
    [
        (json!({ "a": "b" }), json!({ "a": "c" }), json!({ "a": "c" })),
        (json!({ "a": "b" }), json!({ "b": "c" }), json!({ "a": "b", "b": "c" })),
        (json!({ "a": "b" }), json!({ "a": null }), json!({})),
        (json!({ "a": "b", "b": "c" }), json!({ "a": null }), json!({ "b": "c" })),
        (json!({ "a": ["b"] }), json!({ "a": "c" }), json!({ "a": "c" })),
        (json!({ "a": "c" }), json!({ "a": ["b"] }), json!({ "a": ["b"] })),
        (json!({ "a": { "b": "c" } }), json!({ "a": { "b": "d", "c": null } }), json!({ "a": { "b": "d" } })),
        (json!({ "a": [{ "b": "c" }] }), json!({ "a": [1] }), json!({ "a": [1] })),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({ "a": "b" }), json!(["c"]), json!(["c"])),
        (json!({ "a": "foo" }), json!(null), json!(null)),
        (json!({ "a": "foo" }), json!("bar"), json!("bar")),
        (json!({ "e": null }), json!({ "a": 1 }), json!({ "e": null, "a": 1 })),
        (json!([1, 2]), json!({ "a": "b", "c": null }), json!({ "a": "b" })),
        (json!({}), json!({ "a": { "bb": { "ccc": null } } }), json!({ "a": { "bb": {} } })),
    ]
}

async fn rfc_7396_examples_apply_to_nested_values(api: Api) {
    let user = api.create_named("ada").await;
    for (original, patch, result) in examples() {
        let body = json!({ "userName": "ada", "custom": { "x": original, "other": [null] } });
        api.replace(&user, &body).await;
        let patched = api.patch(&user, &json!({ "custom": { "x": patch } })).await;
        let mut expected = json!({ "x": result, "other": [null] });
        if patch.is_null() {
            // A null inside an object removes the member.
            expected = json!({ "other": [null] });
        }
        assert_eq!(patched["custom"], expected, "{original} {patch}");
        assert_eq!(api.read(&user).await, patched);
    }
}

async fn rfc_7396_examples_apply_to_the_whole_object(api: Api) {
    let user = api.create_named("ada").await;
    let objects =
        examples().into_iter().filter(|(original, _, result)| original.is_object() && result.is_object());
    for (original, patch, result) in objects {
        api.replace(&user, &json!({ "userName": "ada", "custom": original })).await;
        let patched = api.patch(&user, &json!({ "custom": patch })).await;
        assert_eq!(patched["custom"], result, "{original} {patch}");
    }
}

async fn nulls_are_values_outside_patches(api: Api) {
    let free = json!({ "a": null, "b": { "c": null, "d": [null] }, "e": {} });
    let body = json!({ "userName": "ada", "custom": free, "extensions": { "urn:x:y": free } });
    let user = api.create(&body).await;
    assert_eq!((&user["custom"], &user["extensions"]["urn:x:y"]), (&free, &free));
    // Null members that the patch does not name are kept.
    let patched = api.patch(&user, &json!({ "custom": { "b": { "f": 1 } }, "title": "x" })).await;
    assert_eq!(patched["custom"], json!({ "a": null, "b": { "c": null, "d": [null], "f": 1 }, "e": {} }));
    assert_eq!(patched["extensions"], user["extensions"]);
    // Members that the patch sets to null are removed. Nulls in lists are values.
    let patch = json!({ "custom": { "a": null, "z": null, "b": { "d": [null, null] }, "e": { "g": null } } });
    let patched = api.patch(&user, &patch).await;
    assert_eq!(patched["custom"], json!({ "b": { "c": null, "d": [null, null], "f": 1 }, "e": {} }));
    assert_eq!(api.patch(&user, &json!({ "custom": null })).await["custom"], json!({}));
    assert_eq!(
        api.patch(&user, &json!({ "extensions": { "urn:x:y": null } })).await["extensions"],
        json!({})
    );
    let replaced = api.replace(&user, &body).await;
    assert_eq!(replaced["custom"], free);
}

async fn custom_is_merged_at_every_depth(api: Api) {
    let custom = json!({ "a": { "b": { "c": { "d": 1, "e": 2 } }, "f": [1] }, "g": "h" });
    let user = api.create(&json!({ "userName": "ada", "custom": custom })).await;
    let patch =
        json!({ "custom": { "a": { "b": { "c": { "d": null, "i": { "j": null, "k": 3 } } }, "f": {} } } });
    let patched = api.patch(&user, &patch).await;
    let expected = json!({ "a": { "b": { "c": { "e": 2, "i": { "k": 3 } } }, "f": {} }, "g": "h" });
    assert_eq!((&patched["custom"], &patched["version"]), (&expected, &json!(2)));
    assert_eq!(api.patch(&user, &patch).await, patched);
}
