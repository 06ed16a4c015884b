//! The tables of both engines, maintained by hand. `tests/migrations` compares them with both databases.
#![expect(missing_docs, reason = "the migrations describe the tables")]

use diesel::{allow_tables_to_appear_in_same_query, table};

table! {
    use diesel::sql_types::{BigInt, Bool, Text};
    use crate::db::types::Id;

    tenants (id) {
        id -> Id,
        name -> Text,
        unique_group_names -> Bool,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
        unique_emails -> Bool,
    }
}

table! {
    use diesel::sql_types::{BigInt, Bool, Nullable};
    use crate::db::types::Id;

    heads (tenant_id) {
        tenant_id -> Id,
        epoch -> Id,
        revision -> BigInt,
        users -> BigInt,
        groups -> BigInt,
        unique_values -> Bool,
        digest -> Nullable<BigInt>,
        digest_revision -> Nullable<BigInt>,
        erased_at -> Nullable<BigInt>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use crate::db::types::{Document, Id, Searched};

    users (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        user_name -> Text,
        user_name_key -> Text,
        display_name -> Nullable<Text>,
        display_name_key -> Nullable<Text>,
        active -> Bool,
        document -> Document,
        folded -> Searched,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

table! {
    use diesel::sql_types::{SmallInt, Text};
    use crate::db::types::Id;

    user_emails (tenant_id, user_id, position) {
        tenant_id -> Id,
        user_id -> Id,
        position -> SmallInt,
        value_key -> Text,
    }
}

table! {
    use diesel::sql_types::Text;
    use crate::db::types::Id;

    user_external_ids (tenant_id, source, external_id) {
        tenant_id -> Id,
        source -> Text,
        external_id -> Text,
        user_id -> Id,
    }
}

table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Document, Id, Searched};

    groups (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        display_name -> Text,
        display_name_key -> Text,
        unique_name_key -> Nullable<Text>,
        document -> Document,
        folded -> Searched,
        member_count -> BigInt,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

table! {
    use diesel::sql_types::Text;
    use crate::db::types::Id;

    group_external_ids (tenant_id, source, external_id) {
        tenant_id -> Id,
        source -> Text,
        external_id -> Text,
        group_id -> Id,
    }
}

table! {
    use diesel::sql_types::BigInt;
    use crate::db::types::Id;

    members (tenant_id, group_id, user_id) {
        tenant_id -> Id,
        group_id -> Id,
        user_id -> Id,
        added_at -> BigInt,
    }
}

table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use crate::db::types::{Document, Id};

    changes (tenant_id, revision) {
        tenant_id -> Id,
        revision -> BigInt,
        time -> BigInt,
        actor_type -> Text,
        actor_id -> Text,
        request_id -> Text,
        #[sql_name = "type"]
        kind -> Text,
        resource -> Text,
        resource_id -> Id,
        member_id -> Nullable<Id>,
        version -> BigInt,
        before -> Nullable<Document>,
        after -> Nullable<Document>,
        erased -> Bool,
        digest -> Nullable<BigInt>,
        trace_id -> Nullable<Id>,
        reverts -> Nullable<Document>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use crate::db::types::{Document, Id};

    erasures (tenant_id, user_id) {
        tenant_id -> Id,
        user_id -> Id,
        version -> BigInt,
        time -> BigInt,
        actor_type -> Text,
        actor_id -> Text,
        request_id -> Text,
        responses_through -> BigInt,
        redacted -> Bool,
        redacted_through -> BigInt,
        trace_id -> Nullable<Id>,
        texts -> Nullable<Document>,
        requests_connection -> Nullable<Id>,
        requests_through -> Nullable<Id>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use crate::db::types::Id;

    keys (id) {
        id -> Id,
        tenant_id -> Id,
        name -> Nullable<Text>,
        role -> Text,
        secret_hash -> Binary,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Document, Id};

    connections (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        name -> Text,
        profile -> Text,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
        replaces -> Nullable<Id>,
        replaced_by -> Nullable<Id>,
        source_id -> Nullable<Id>,
        brake -> Nullable<Document>,
        held -> Nullable<Document>,
        allowance -> BigInt,
        counted_after -> Nullable<BigInt>,
        mode -> Text,
    }
}

table! {
    use diesel::sql_types::{BigInt, Nullable};
    use crate::db::types::Id;

    connection_removals (tenant_id, connection_id, time) {
        tenant_id -> Id,
        connection_id -> Id,
        time -> BigInt,
        number -> BigInt,
        deleted_users -> BigInt,
        counted_users -> Nullable<BigInt>,
        counted_at -> Nullable<BigInt>,
        deleted_user -> Nullable<Id>,
    }
}

table! {
    use crate::db::types::Id;

    connection_users (tenant_id, user_id, source_id) {
        tenant_id -> Id,
        user_id -> Id,
        source_id -> Id,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use crate::db::types::Id;

    connection_tokens (id) {
        id -> Id,
        tenant_id -> Id,
        connection_id -> Id,
        secret_hash -> Binary,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
        name -> Nullable<Text>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, SmallInt, Text};
    use crate::db::types::{Document, Id};

    requests (tenant_id, connection_id, id) {
        tenant_id -> Id,
        connection_id -> Id,
        id -> Id,
        time -> BigInt,
        status -> SmallInt,
        resource -> Nullable<Text>,
        resource_id -> Nullable<Id>,
        codes -> Text,
        mentions -> Text,
        method -> Text,
        path -> Text,
        query -> Nullable<Text>,
        erased -> Bool,
        details -> Document,
        request -> Nullable<Text>,
        response -> Nullable<Text>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, SmallInt, Text};
    use crate::db::types::Id;

    idempotency (tenant_id, caller, method, path, idempotency_key) {
        tenant_id -> Id,
        caller -> Text,
        method -> Text,
        path -> Text,
        idempotency_key -> Text,
        body_hash -> Binary,
        status -> SmallInt,
        headers -> Text,
        body -> Nullable<Text>,
        resource_id -> Nullable<Id>,
        created_at -> BigInt,
    }
}

table! {
    use diesel::sql_types::{BigInt, Text};
    use crate::db::types::Id;

    leases (name) {
        name -> Text,
        holder -> Id,
        expires_at -> BigInt,
    }
}

table! {
    use diesel::sql_types::SmallInt;

    migration_lock (id) {
        id -> SmallInt,
    }
}

allow_tables_to_appear_in_same_query!(users, user_emails, user_external_ids);
