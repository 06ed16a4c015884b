//! The pages and their blocks.

use crate::docs::{ELSEWHERE, PAGES};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A fenced block: what stands behind its fence, and its text.
struct Block {
    language: String,
    text: String,
}

/// The directory of the project.
pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a page.
pub(crate) fn read(page: &str) -> String {
    fs::read_to_string(project().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// The shell blocks of a page, in order.
pub(crate) fn commands(page: &str) -> Vec<String> {
    let blocks = blocks(&read(page)).into_iter();
    blocks.filter(|block| block.language == "sh").map(|block| block.text).collect()
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
    assert!(open.is_none(), "a block without an end");
    blocks
}

/// The pages for users: those of the project's own directory, and all of `docs/`.
fn pages() -> Vec<String> {
    let in_folder = |folder: &str| {
        let entries = fs::read_dir(project().join(folder)).expect("a folder");
        let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("a name in UTF-8");
        let names = entries.map(|entry| format!("{folder}{}", name(entry.expect("an entry"))));
        names.filter(|name| name.ends_with(".md")).collect::<Vec<_>>()
    };
    [in_folder(""), in_folder("docs/")].concat()
}

/// Whoever writes a page with a command lets a test run it.
#[test]
fn every_page_with_commands_is_run() {
    let with_commands: BTreeSet<_> = pages().into_iter().filter(|page| !commands(page).is_empty()).collect();
    let here = with_commands.iter().map(String::as_str).filter(|page| !ELSEWHERE.contains(page));
    assert_eq!(here.collect::<BTreeSet<_>>(), PAGES.iter().copied().collect());
}

/// What is in another language than these could be a command that nobody runs.
#[test]
fn every_block_says_what_it_is() {
    for page in pages().into_iter().filter(|page| !ELSEWHERE.contains(&page.as_str())) {
        for Block { language, text } in blocks(&read(&page)) {
            assert!(["sh", "json", "text"].contains(&language.as_str()), "{page}: '{language}' of:\n{text}");
        }
    }
}
