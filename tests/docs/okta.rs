//! docs/okta.md

use crate::docs::workspace::{Workspace, resources};

/// The requests that Okta sends, from its connection test to a group push.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let server = workspace.server().start();
    let responses = workspace.shell_with(&server).json_values(&commands.concat());
    let [users, groups, no_user, replaced, deactivated, pushed] = &responses[..] else {
        panic!("{responses:#?}")
    };
    for empty in [users, groups, no_user] {
        assert_eq!((resources(empty).len(), &empty["totalResults"]), (0, &0.into()));
    }
    assert_eq!((&replaced["name"]["familyName"], &replaced["active"]), (&"King".into(), &true.into()));
    assert_eq!((&replaced["displayName"], &replaced["locale"]), (&().into(), &().into()));
    assert_eq!((&deactivated["id"], &deactivated["active"]), (&replaced["id"], &false.into()));
    assert_eq!(pushed["displayName"], "Engineers");
    assert_eq!(pushed["members"][0]["value"], deactivated["id"]);
}
