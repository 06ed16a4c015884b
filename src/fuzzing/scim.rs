//! Bodies of SCIM.

use super::bodies::accepted;
use super::samples::{GROUP, USER, VIEW, new_group, new_user};
use crate::domain::scim::patch::{self as request, added_members};
use crate::domain::scim::resource::{
    patch_group, patch_user, preserve_native, preserve_native_of_group, read_group, read_user, render_group,
    render_user,
};
use crate::domain::scim::{Profile, Reading, ResourceType, ScimError, references};
use crate::domain::{group::Group, user::User};

const PROFILES: [Profile; 2] = [Profile::Lenient, Profile::Strict];

/// A rendered user can be sent back unchanged.
pub(super) fn user(input: &[u8]) {
    let Some(body) = accepted(input) else { return };
    for profile in PROFILES {
        let reading = Reading::new(profile);
        let draft = read_user(body.clone(), &VIEW, &reading);
        if let Some(draft) = valid(draft, reading) {
            check_rendered_user(&new_user(draft));
        }
    }
}

/// A rendered group can be sent back unchanged.
pub(super) fn group(input: &[u8]) {
    let Some(body) = accepted(input) else { return };
    for profile in PROFILES {
        let reading = Reading::new(profile);
        let (draft, _members) = read_group(body.clone(), &VIEW, &reading);
        if let Some(draft) = valid(draft, reading) {
            check_rendered_group(&new_group(draft));
        }
    }
}

/// A PATCH of a valid resource gives a valid resource, and always the same one.
pub(super) fn patch(input: &[u8]) {
    let Some(body) = accepted(input) else { return };
    for profile in PROFILES {
        let reading = Reading::new(profile);
        let operations = request::read(body.clone(), &reading);
        let Some(operations) = valid(operations, reading) else { continue };
        let patched = || {
            let reading = Reading::new(profile);
            let draft = patch_user(&USER, &VIEW, &operations, &reading);
            valid(draft, reading).map(|draft| USER.with(draft))
        };
        let user = patched();
        assert_eq!(patched(), user);
        user.iter().for_each(check_rendered_user);
        let reading = Reading::new(profile);
        let edit = patch_group(&GROUP, &VIEW, &operations, &reading);
        if let Some((draft, members)) = valid(edit, reading) {
            check_rendered_group(&GROUP.with(draft));
            assert!(members.added().is_disjoint(members.removed()));
        }
        added_members(&operations);
        references::of_patch(ResourceType::Group, &mut operations.clone(), &Reading::new(profile));
    }
}

/// What was read. An invalid request has a client error, and no note can forge a log line.
fn valid<T>(read: Result<T, ScimError>, reading: Reading) -> Option<T> {
    assert!(!reading.into_notes().to_string().contains(char::is_control));
    let Err(error) = read else { return read.ok() };
    assert!((400..500).contains(&error.status), "{error}");
    None
}

fn check_rendered_user(user: &User) {
    let read = read_user(render_user(user, &VIEW).into(), &VIEW, &Reading::new(Profile::Strict));
    let again = read.map(|draft| user.with(preserve_native(draft, user)));
    assert_eq!(again.map(|user| render_user(&user, &VIEW)), Ok(render_user(user, &VIEW)));
}

fn check_rendered_group(group: &Group) {
    let body = render_group(group, None, &VIEW);
    let (read, _members) = read_group(body.into(), &VIEW, &Reading::new(Profile::Strict));
    let again = read.map(|draft| group.with(preserve_native_of_group(draft, group)));
    let rendered = again.map(|group| render_group(&group, None, &VIEW));
    assert_eq!(rendered, Ok(render_group(group, None, &VIEW)));
}
