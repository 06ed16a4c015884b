//! Tables of test cases and test data in text files. A section starts with its name in brackets, each of its lines is an
//! input and the expected output (`input -> output`), and `#` starts a comment.

use std::collections::BTreeSet;

/// The names of the sections in a table.
pub(crate) fn sections(table: &str) -> BTreeSet<&str> {
    table.lines().filter_map(heading).collect()
}

/// The cases in a section of a table: inputs and expected outputs, which are empty for `none` or if absent.
pub(crate) fn section(table: &'static str, name: &str) -> Vec<(&'static str, &'static str)> {
    let mut lines = table.lines().skip_while(|line| heading(line) != Some(name));
    assert!(lines.next().is_some(), "the table has no section {name}");
    let lines = lines.take_while(|line| heading(line).is_none());
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(case).collect()
}

/// The cases in a section of a table, with values for the placeholders in their inputs.
pub(crate) fn section_with_values(
    table: &'static str,
    name: &str,
    values: &[(&str, &str)],
) -> Vec<(String, &'static str)> {
    let fill = |input: &str| {
        values.iter().fold(input.to_owned(), |input, (placeholder, value)| input.replace(placeholder, value))
    };
    section(table, name).into_iter().map(|(input, output)| (fill(input), output)).collect()
}

/// The name in a line that starts a section.
fn heading(line: &str) -> Option<&str> {
    line.strip_prefix('[')?.strip_suffix(']')
}

fn case(line: &str) -> (&str, &str) {
    match line.rsplit_once("-> ") {
        Some((input, "none")) => (input.trim_end(), ""),
        Some((input, output)) => (input.trim_end(), output),
        None => (line, ""),
    }
}
