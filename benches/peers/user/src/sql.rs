//! The statements on the table of the peers, and its rows.

/// Selects one user by its id.
pub const READ: &str = "SELECT id, external_id, user_name, given_name, family_name, display_name, title, active, emails, \
                        version, created_at, updated_at FROM peer_users WHERE id = $1";
/// Selects a number of users after an id.
pub const PAGE: &str = "SELECT id, external_id, user_name, given_name, family_name, display_name, title, active, emails, \
                        version, created_at, updated_at FROM peer_users WHERE id > $1 ORDER BY id LIMIT $2";
/// Inserts a user.
pub const CREATE: &str = "INSERT INTO peer_users (id, external_id, user_name, given_name, family_name, display_name, \
                          title, active, emails, version, created_at, updated_at) \
                          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

/// Reads a [`User`](crate::User) from a row of [`READ`] or [`PAGE`]. `$json` is the driver's type of a JSON column. A macro,
/// because the drivers share no trait for rows.
#[macro_export]
macro_rules! user {
    ($row:expr, $json:ident) => {{
        let emails: $json<Box<$crate::RawValue>> = $row.try_get(8)?;
        Ok($crate::User {
            id: $row.try_get(0)?,
            external_id: $row.try_get(1)?,
            user_name: $row.try_get(2)?,
            given_name: $row.try_get(3)?,
            family_name: $row.try_get(4)?,
            display_name: $row.try_get(5)?,
            title: $row.try_get(6)?,
            active: $row.try_get(7)?,
            emails: emails.0,
            version: $row.try_get(9)?,
            created_at: $row.try_get(10)?,
            updated_at: $row.try_get(11)?,
        })
    }};
}
