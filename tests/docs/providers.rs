//! The setup guides for identity providers other than Okta and Entra ID. Each page sends the requests that the provider
//! documents, or that are in its source code.

use crate::docs::workspace::{Workspace, resources};
use serde_json::{Value, json};

/// Runs the commands of a page, and returns the JSON values that they print.
fn responses<const N: usize>(workspace: &Workspace, commands: &[String]) -> [Value; N] {
    let server = workspace.server().start();
    let values = workspace.shell_with(&server).json_values(&commands.concat());
    values.try_into().unwrap_or_else(|values: Vec<Value>| panic!("{} values: {values:#?}", values.len()))
}

pub(crate) mod onelogin {
    use super::*;

    pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
        let [found] = responses(workspace, commands);
        let [user] = resources(&found) else { panic!("{found}") };
        assert_eq!((user.get("title"), &user["displayName"]), (None, &json!("Ada Lovelace")));
        let enterprise = &user["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"];
        assert_eq!(enterprise, &json!({"department": "Engines"}));
    }
}

pub(crate) mod jumpcloud {
    use super::*;

    pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
        let [found, group, deactivated] = responses(workspace, commands);
        assert_eq!(resources(&found)[0]["id"], deactivated["id"]);
        assert_eq!(group["members"][0]["value"], deactivated["id"]);
        assert_eq!(deactivated["active"], false);
    }
}

pub(crate) mod ping {
    use super::*;

    pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
        let [no_user, by_email, deactivated, with_basic] = responses(workspace, commands);
        assert_eq!((resources(&no_user).len(), resources(&by_email).len()), (0, 1));
        assert_eq!((&deactivated["active"], &deactivated["externalId"]), (&json!(false), &json!("p-1")));
        assert_eq!(with_basic, deactivated);
    }
}

pub(crate) mod google_workspace {
    use super::*;

    pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
        let [probe, no_user, suspended] = responses(workspace, commands);
        assert_eq!((resources(&probe).len(), resources(&no_user).len()), (0, 0));
        assert_eq!(
            (&suspended["userName"], &suspended["active"]),
            (&json!("ada@example.com"), &json!(false))
        );
    }
}

pub(crate) mod authentik {
    use super::*;

    pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
        let [config, replaced, group] = responses(workspace, commands);
        assert_eq!(
            (&config["patch"]["supported"], &config["filter"]["supported"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(replaced["displayName"], "Ada King");
        assert_eq!((&group["displayName"], &group["externalId"]), (&json!("Writers"), &json!("g-1")));
        assert_eq!(group["members"][0]["value"], replaced["id"]);
    }
}

pub(crate) mod keycloak {
    use super::*;

    pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
        let [group, patched] = responses(workspace, commands);
        assert_eq!((&group["displayName"], &group["externalId"]), (&json!("Writers"), &json!("k-2")));
        assert_eq!(group["members"][0]["value"], patched["id"]);
        assert_eq!((&patched["displayName"], &patched["active"]), (&json!("Ada King"), &json!(false)));
    }
}

pub(crate) mod sailpoint {
    use super::*;

    pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
        let [config, user, user_schema, group, group_schema, types, schemas, accounts, disabled, with_basic] =
            responses(workspace, commands);
        let schemes: Vec<_> = config["authenticationSchemes"].as_array().into_iter().flatten().collect();
        assert_eq!(
            schemes.iter().map(|scheme| &scheme["type"]).collect::<Vec<_>>(),
            ["oauthbearertoken", "httpbasic"]
        );
        assert_eq!((&user["schema"], &group["schema"]), (&user_schema["id"], &group_schema["id"]));
        assert_eq!((resources(&types).len(), resources(&schemas).len() >= 3), (2, true));
        let account = &resources(&accounts)[0];
        assert_eq!(account["groups"][0]["display"], "Poets");
        assert_eq!((&disabled["id"], &disabled["active"]), (&account["id"], &json!(false)));
        assert_eq!(with_basic, disabled);
    }
}
