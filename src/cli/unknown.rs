//! Warnings about variables that look like settings but are not, for example because of a typo.

use super::parse::settings;
use super::sources::{Place, Sources, Variable};
use crate::domain::similar::closest;

const PREFIX: &str = "ROSTER_";

/// Logs a warning for each unknown variable whose name begins with `ROSTER_`.
pub(super) fn warn(sources: &Sources) {
    let known: Vec<_> = settings().into_iter().map(|(_, name)| name).collect();
    for variable in sources.all().filter(|variable| variable.name.starts_with(PREFIX)) {
        if !known.contains(&variable.name) && !is_set_by_kubernetes(variable) {
            log::warn!("{}", warning(&variable.name, variable.place, &known));
        }
    }
}

fn warning(name: &str, place: Place, known: &[String]) -> String {
    let hint = closest(name, known.iter().map(String::as_str)).map_or_else(
        || "`roster --help` lists the settings".to_owned(),
        |closest| format!("did you mean {closest}?"),
    );
    format!("{name} {place} is not a setting and has no effect: {hint}")
}

/// Whether Kubernetes sets the variable: it sets variables such as `ROSTER_SERVICE_HOST`, `ROSTER_PORT` and
/// `ROSTER_PORT_3000_TCP` for a service whose name begins with `roster`.
fn is_set_by_kubernetes(Variable { name, value, .. }: &Variable) -> bool {
    let is_url = || value.as_ref().is_some_and(|value| value.contains("://"));
    let port =
        name.rsplit_once("_PORT_").is_some_and(|(_, port)| port.starts_with(|c: char| c.is_ascii_digit()));
    name.contains("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || port
        || (name.ends_with("_PORT") && is_url())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_few_typing_errors_is_recognized() {
        let known: Vec<_> = settings().into_iter().map(|(_, name)| name).collect();
        for (name, expected) in [
            ("ROSTER_LISTNE", Some("ROSTER_LISTEN")),
            ("ROSTER_ADMINKEY", Some("ROSTER_ADMIN_KEY")),
            ("ROSTER_ADMIN_KEYFILE", Some("ROSTER_ADMIN_KEY_FILE")),
            ("ROSTER_LOGFORMAT", Some("ROSTER_LOG_FORMAT")),
            ("ROSTER_TOOLS", None),
            ("ROSTER_", None),
        ] {
            assert_eq!(closest(name, known.iter().map(String::as_str)), expected, "{name}");
        }
    }

    #[test]
    fn variables_of_kubernetes_are_not_reported() {
        let variable = |name: &str, value: &str| Variable {
            name: name.to_owned(),
            value: Some(value.to_owned()),
            place: Place::Environment,
        };
        for (name, value, expected) in [
            ("ROSTER_SERVICE_HOST", "10.0.0.1", true),
            ("ROSTER_API_SERVICE_PORT_HTTP", "3000", true),
            ("ROSTER_PORT", "tcp://10.0.0.1:3000", true),
            ("ROSTER_PORT_3000_TCP_ADDR", "10.0.0.1", true),
            ("ROSTER_PORT", "3000", false),
            ("ROSTER_PORT_RANGE", "x", false),
        ] {
            assert_eq!(is_set_by_kubernetes(&variable(name, value)), expected, "{name}");
        }
    }
}
