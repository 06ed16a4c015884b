//! The SQL statements on `peer_users`, and its rows.

pub const READ: &str = "SELECT id, external_id, user_name, given_name, family_name, display_name, title, active, emails, \
                        version, created_at, updated_at FROM peer_users WHERE id = $1";
pub const PAGE: &str = "SELECT id, external_id, user_name, given_name, family_name, display_name, title, active, emails, \
                        version, created_at, updated_at FROM peer_users WHERE id > $1 ORDER BY id LIMIT $2";
pub const CREATE: &str = "INSERT INTO peer_users (id, external_id, user_name, given_name, family_name, display_name, \
                          title, active, emails, version, created_at, updated_at) \
                          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

/// Converts a row of [`READ`] or [`PAGE`] to a [`User`](crate::User). `$json` is the driver's type of a JSON column.
/// This is a macro, because the drivers share no trait for rows.
#[macro_export]
macro_rules! user {
    ($row:expr, $json:ident) => {{
        let external_id: Option<String> = $row.try_get(1)?;
        let emails: $json<Box<$crate::RawValue>> = $row.try_get(8)?;
        Ok($crate::User {
            id: $row.try_get(0)?,
            external_ids: $crate::ExternalIds { native: external_id.clone() },
            external_id,
            user_name: $row.try_get(2)?,
            name: $crate::Name {
                given_name: $row.try_get(3)?,
                family_name: $row.try_get(4)?,
                ..Default::default()
            },
            display_name: $row.try_get(5)?,
            title: $row.try_get(6)?,
            active: $row.try_get(7)?,
            emails: emails.0,
            version: $row.try_get(9)?,
            created_at: $row.try_get(10)?,
            updated_at: $row.try_get(11)?,
            unset: $crate::Unset::default(),
        })
    }};
}
