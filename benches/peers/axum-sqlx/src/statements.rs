//! The statements that have the same text on both engines.

pub(crate) const USER: &str = "INSERT INTO users (tenant_id, id, user_name, user_name_key, display_name, \
                               display_name_key, active, document, folded, version, created_at, updated_at) \
                               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
pub(crate) const EXTERNAL_ID: &str = "INSERT INTO user_external_ids (tenant_id, source, external_id, user_id) \
                                      VALUES ($1, 'native', $2, $3)";
pub(crate) const HEAD: &str =
    "UPDATE heads SET revision = revision + 1, users = users + 1 WHERE tenant_id = $1 RETURNING revision";
pub(crate) const CHANGE: &str = "INSERT INTO changes (tenant_id, revision, time, actor_type, actor_id, request_id, \
                                 type, resource, resource_id, member_id, version, before, after, erased) \
                                 VALUES ($1, $2, $3, 'admin', 'admin', $4, 'user.created', 'user', $5, NULL, 1, \
                                 NULL, $6, false)";

/// Defines the functions that run them. A generic function would have to name a trait for each type that an engine
/// encodes and decodes.
macro_rules! statements {
    ($engine:ty) => {
        async fn read(pool: &sqlx::Pool<$engine>, id: Uuid) -> Result<Option<User>> {
            let row = sqlx::query(peer_user::sql::READ).bind(id).fetch_optional(pool).await?;
            row.map(|row| peer_user::user!(row, Json)).transpose()
        }

        async fn page(pool: &sqlx::Pool<$engine>, after: Uuid, limit: i64) -> Result<Vec<User>> {
            let rows = sqlx::query(peer_user::sql::PAGE).bind(after).bind(limit).fetch_all(pool).await?;
            rows.iter().map(|row| peer_user::user!(row, Json)).collect()
        }

        async fn create(pool: &sqlx::Pool<$engine>, user: &User) -> Result<()> {
            let insert = sqlx::query(peer_user::sql::CREATE).bind(user.id).bind(&user.external_id);
            let insert = insert.bind(&user.user_name).bind(&user.given_name).bind(&user.family_name);
            let insert = insert.bind(&user.display_name).bind(&user.title).bind(user.active);
            let insert = insert.bind(Json(&user.emails)).bind(user.version);
            insert.bind(user.created_at).bind(user.updated_at).execute(pool).await?;
            Ok(())
        }

        async fn insert_user(
            transaction: &mut Transaction<'_, $engine>,
            documents: &Documents,
            user: &User,
        ) -> Result<()> {
            let insert = sqlx::query(USER).bind(TENANT).bind(user.id).bind(&user.user_name);
            let insert = insert.bind(&documents.user_name_key).bind(&user.display_name);
            let insert = insert.bind(&documents.display_name_key).bind(user.active);
            let insert = insert.bind(&documents.document).bind(&documents.folded).bind(user.version);
            insert.bind(user.created_at).bind(user.updated_at).execute(&mut **transaction).await?;
            Ok(())
        }

        /// Inserts the external id and the change. The head comes last, so that its lock is held briefly.
        async fn record_change(
            transaction: &mut Transaction<'_, $engine>,
            documents: &Documents,
            user: &User,
        ) -> Result<()> {
            if let Some(id) = &user.external_id {
                let insert = sqlx::query(EXTERNAL_ID).bind(TENANT).bind(id).bind(user.id);
                insert.execute(&mut **transaction).await?;
            }
            let revision: i64 = sqlx::query_scalar(HEAD).bind(TENANT).fetch_one(&mut **transaction).await?;
            let change = sqlx::query(CHANGE).bind(TENANT).bind(revision).bind(user.created_at);
            let change = change.bind(&documents.request_id).bind(user.id).bind(&documents.after);
            change.execute(&mut **transaction).await?;
            Ok(())
        }
    };
}

pub(crate) use statements;
