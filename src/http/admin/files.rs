//! The files of the admin page, which are part of the binary.

/// Pairs of a name and the contents of the file.
macro_rules! files {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("page/", $name)))),*]
    };
}

/// The files that browsers load. The page itself is not one of them.
pub(super) const FILES: [(&str, &str); 34] = files! {
    "api.js"
    "app.js"
    "change-counts.js"
    "components/badge.js"
    "components/button.js"
    "components/columns.js"
    "components/copy.js"
    "components/dialog.js"
    "components/empty-state.js"
    "components/error-notice.js"
    "components/filter-field.js"
    "components/form.js"
    "components/icon.js"
    "components/navigation.js"
    "components/page.js"
    "components/search-field.js"
    "components/shortcuts.js"
    "components/sign-in.js"
    "components/table.js"
    "components/tabs.js"
    "components/tenant-switcher.js"
    "components/time.js"
    "components/toasts.js"
    "filter-language.js"
    "hooks.js"
    "router.js"
    "session.js"
    "style.css"
    "texts.js"
    "user-search.js"
    "vendor/htm-preact.js"
    "views/index.js"
    "views/overview.js"
    "views/users.js"
};
