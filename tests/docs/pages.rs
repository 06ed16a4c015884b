//! The pages and their fenced code blocks.

use crate::docs::{PAGES, RUN_ELSEWHERE};
use crate::support::{file_names, repository_root};
use std::collections::BTreeSet;
use std::fs;

/// A fenced code block.
struct Block {
    language: String,
    text: String,
}

/// The text of a page.
pub(crate) fn read(page: &str) -> String {
    fs::read_to_string(repository_root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// The shell blocks of a page, in order.
pub(crate) fn commands(page: &str) -> Vec<String> {
    blocks_in("sh", page)
}

/// The blocks of a page in a language, in order.
pub(crate) fn blocks_in(language: &str, page: &str) -> Vec<String> {
    let blocks = blocks(&read(page)).into_iter();
    blocks.filter(|block| block.language == language).map(|block| block.text).collect()
}

fn blocks(page: &str) -> Vec<Block> {
    let (mut blocks, mut open) = (Vec::new(), None);
    for line in page.lines() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                open = Some(Block { language: language.to_owned(), text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a code block is not closed");
    blocks
}

/// The pages in the root directory and in `docs/`.
fn pages() -> Vec<String> {
    let pages_in = |directory: &str| {
        let names = file_names(&repository_root().join(directory)).into_iter();
        names
            .filter(|name| name.ends_with(".md"))
            .map(|name| format!("{directory}{name}"))
            .collect::<Vec<_>>()
    };
    [pages_in(""), pages_in("docs/")].concat()
}

#[test]
fn every_page_with_commands_is_run() {
    let with_commands: BTreeSet<_> = pages().into_iter().filter(|page| !commands(page).is_empty()).collect();
    let run_here = with_commands.iter().map(String::as_str).filter(|page| !RUN_ELSEWHERE.contains(page));
    assert_eq!(run_here.collect::<BTreeSet<_>>(), PAGES.iter().copied().collect());
}

/// A block in any other language could contain a command that no test runs. `tests/docs/production.rs` checks the
/// configuration files, and `tests/docs/operations.rs` the SQL.
#[test]
fn every_block_names_a_known_language() {
    for page in pages().into_iter().filter(|page| !RUN_ELSEWHERE.contains(&page.as_str())) {
        for Block { language, text } in blocks(&read(&page)) {
            assert!(
                ["sh", "json", "text", "nginx", "ini", "yaml", "sql"].contains(&language.as_str()),
                "{page}: unexpected language '{language}':\n{text}"
            );
        }
    }
}
