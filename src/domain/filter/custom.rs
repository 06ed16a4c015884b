//! Comparisons with values in `custom`, which can have any JSON type.

use super::Test;
use super::operand::{Mismatch, Operand, Operator, compare_string};
use serde_json::Number;

/// A condition on a value in `custom`, or on an element of a list in `custom`. Values of another JSON type than the
/// operand never pass.
#[derive(Clone, Debug, PartialEq)]
pub enum CustomTest {
    /// The value exists and is not null, `""`, `[]` or `{}`.
    Present,
    /// The value is the scalar with this JSON text.
    Equal(String),
    /// The value is a string that passes the test. Strings are compared exactly.
    Text(Test),
    /// The value is a number with this order relative to the operand.
    Number(NumberOrder),
}

/// A comparison of a number with an operand, both as 64-bit floating-point numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberOrder {
    /// Whether the number must be greater, rather than less.
    pub is_greater: bool,
    /// The JSON text of the operand if an equal number also passes.
    pub or_equal: Option<String>,
    /// The number to compare with.
    pub operand: f64,
}

/// The test for an operator and an operand other than null.
pub(super) fn test(operator: Operator, operand: &Operand) -> Result<CustomTest, Mismatch> {
    let refuse = |what: &str, operators: &str| {
        Err(Mismatch::Operator(format!("{what} supports only the operators {operators}")))
    };
    match (operand, operator) {
        (Operand::Text(text), Operator::Eq) => Ok(CustomTest::Equal(json_text(text))),
        (Operand::Text(text), _) => Ok(CustomTest::Text(compare_string(operator, text.clone()))),
        (Operand::Number(number), Operator::Eq) => Ok(CustomTest::Equal(json_text(number))),
        (Operand::Number(_), _) if operator.is_substring() => refuse("a number", "eq, ne, gt, ge, lt and le"),
        (Operand::Number(number), _) => Ok(CustomTest::Number(number_order(operator, number))),
        (Operand::Boolean(value), Operator::Eq) => Ok(CustomTest::Equal(json_text(value))),
        (Operand::Boolean(_), _) => refuse("a boolean", "eq and ne"),
        (Operand::Null, _) => refuse("null", "eq and ne"),
    }
}

fn number_order(operator: Operator, number: &Number) -> NumberOrder {
    let is_greater = matches!(operator, Operator::Gt | Operator::Ge);
    let or_equal = matches!(operator, Operator::Ge | Operator::Le).then(|| json_text(number));
    NumberOrder { is_greater, or_equal, operand: number.as_f64().unwrap_or(f64::INFINITY) }
}

/// The JSON text of a scalar, as it is written in stored documents.
fn json_text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Splits the name of a value in `custom` into the names that lead to it. Returns `None` if the name does not refer to
/// a value in `custom`.
pub(super) fn path(name: &str) -> Option<Vec<String>> {
    let (_, inside) = name.split_once('.').filter(|(top, _)| top.eq_ignore_ascii_case("custom"))?;
    let is_expressible =
        |name: &str| !name.is_empty() && !name.contains(|c: char| c == '\\' || c.is_control());
    inside.split('.').map(|name| is_expressible(name).then(|| name.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::filter::{Filter, Value};
    use crate::domain::schema::{GROUPS, USERS, Vocabulary};
    use std::ops::Bound::{Excluded, Unbounded};

    fn parse(text: &str) -> Result<Filter, String> {
        Filter::parse(text, &USERS, Vocabulary::Native).map_err(|error| error.to_string())
    }

    fn custom(path: &[&str], test: CustomTest) -> Filter {
        Filter::Custom { path: path.iter().map(|name| (*name).to_owned()).collect(), test }
    }

    #[test]
    fn comparisons_have_the_type_of_their_operand() {
        let equal = |text: &str| CustomTest::Equal(text.to_owned());
        let number = |or_equal: Option<&str>| {
            CustomTest::Number(NumberOrder {
                is_greater: true,
                or_equal: or_equal.map(str::to_owned),
                operand: 5.0,
            })
        };
        let above = Test::Within(Excluded(Value::Text("Pro".to_owned())), Unbounded);
        for (text, path, test) in [
            ("custom.plan eq \"Pro\"", &["plan"][..], equal("\"Pro\"")),
            ("CUSTOM.a.B EQ 5.0", &["a", "B"], equal("5")),
            ("custom.a.b eq true", &["a", "b"], equal("true")),
            ("custom.$ref pr", &["$ref"], CustomTest::Present),
            ("custom.n gt 5", &["n"], number(None)),
            ("custom.n ge 50e-1", &["n"], number(Some("5"))),
            ("custom.plan gt \"Pro\"", &["plan"], CustomTest::Text(above)),
        ] {
            assert_eq!(parse(text), Ok(custom(path, test)), "{text}");
        }
        let absent = Filter::Not(Box::new(custom(&["a"], CustomTest::Present)));
        assert_eq!(parse("custom.a eq null"), Ok(absent));
        assert_eq!(parse("custom.a ne null"), Ok(custom(&["a"], CustomTest::Present)));
        assert!(Filter::parse("custom.a pr", &GROUPS, Vocabulary::Native).is_ok());
    }

    #[test]
    fn other_comparisons_are_refused() {
        for (text, position) in [
            ("custom pr", 1),
            ("custom. pr", 1),
            ("custom.a..b pr", 1),
            ("custom.a\\b pr", 1),
            ("custom.a\tb pr", 1),
            ("customs.a pr", 1),
            ("emails[custom.a pr]", 8),
            ("custom.a[b eq 1]", 9),
            ("custom.a co 5", 10),
            ("custom.a gt true", 10),
            ("custom.a gt null", 10),
            ("custom.a eq 1e999", 13),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.starts_with(&format!("position {position}:")), "{text}: {error}");
        }
        assert!(Filter::parse("custom.a pr", &USERS, Vocabulary::Scim).is_err());
    }
}
