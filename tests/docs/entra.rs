//! docs/entra.md

use crate::docs::workspace::{Workspace, resources};

/// The requests that Entra ID sends, from its connection test to the deprovisioning of a user.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let server = workspace.server().start();
    let responses = workspace.shell_with(&server).json_values(&commands.concat());
    let [no_user, by_email, with_flag, without_flag, no_group, member, no_member] = &responses[..] else {
        panic!("{responses:#?}")
    };
    for empty in [no_user, no_group, no_member] {
        assert_eq!((resources(empty).len(), &empty["totalResults"]), (0, &0.into()));
    }
    let found = &resources(by_email)[0];
    assert_eq!((&found["userName"], &found["active"]), (&"ada@example.com".into(), &true.into()));
    assert_eq!((&with_flag["id"], &with_flag["displayName"]), (&found["id"], &"Ada King".into()));
    assert_eq!(with_flag["name"]["familyName"], "King");
    assert_eq!(without_flag["phoneNumbers"][0]["type"], "mobile");
    assert_eq!(without_flag["active"], false);
    assert_eq!(resources(member).len(), 1);
}
