//! The SQL types whose names differ between the engines.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::SqlType;
use diesel::sqlite::{Sqlite, SqliteValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::io::Write;
use uuid::Uuid;

/// An id: `uuid` in PostgreSQL, a 16-byte BLOB in SQLite.
#[derive(SqlType, QueryId, Debug, Clone, Copy)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951), sqlite_type(name = "Binary"))]
pub struct Id;

/// A JSON document that is always read as a whole: `json` in PostgreSQL, which stores it as text, and TEXT in SQLite.
#[derive(SqlType, QueryId, Debug, Clone, Copy)]
#[diesel(postgres_type(oid = 114, array_oid = 199), sqlite_type(name = "Text"))]
pub struct Document;

/// A JSON document that is used in conditions: `jsonb` in PostgreSQL, TEXT in SQLite.
#[derive(SqlType, QueryId, Debug, Clone, Copy)]
#[diesel(postgres_type(oid = 3802, array_oid = 3807), sqlite_type(name = "Text"))]
pub struct Searched;

/// A UUID that is stored as an [`Id`].
#[derive(AsExpression, FromSqlRow, Serialize, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[diesel(sql_type = Id)]
pub struct Uid(pub Uuid);

/// A value that is stored as a [`Document`] or as a [`Searched`] document.
#[derive(AsExpression, FromSqlRow, Serialize, Debug, Clone)]
#[diesel(sql_type = Document)]
#[diesel(sql_type = Searched)]
pub struct Json<T: Debug>(pub T);

/// A [`Document`] with the size of its text, in bytes.
#[derive(FromSqlRow, Debug)]
pub struct Measured<T: Debug> {
    /// The document.
    pub value: T,
    /// The size of its text, in bytes.
    pub bytes: usize,
}

/// The text of a [`Document`].
#[derive(FromSqlRow, Debug)]
pub struct Text(pub String);

/// The version number with which the binary format of `jsonb` begins.
const JSONB_VERSION: u8 = 1;

impl FromSql<Document, Pg> for Text {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(str::from_utf8(value.as_bytes())?.to_owned()))
    }
}

impl FromSql<Document, Sqlite> for Text {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(value.read_text().to_owned()))
    }
}

impl FromSql<Id, Pg> for Uid {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(value.as_bytes())?))
    }
}

impl ToSql<Id, Pg> for Uid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<Id, Sqlite> for Uid {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(value.read_blob())?))
    }
}

impl ToSql<Id, Sqlite> for Uid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_bytes().as_slice());
        Ok(IsNull::No)
    }
}

impl<T: DeserializeOwned + Debug> FromSql<Document, Pg> for Json<T> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(serde_json::from_slice(value.as_bytes())?))
    }
}

impl<T: DeserializeOwned + Debug> FromSql<Document, Pg> for Measured<T> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let bytes = value.as_bytes().len();
        Ok(Self { value: serde_json::from_slice(value.as_bytes())?, bytes })
    }
}

impl<T: DeserializeOwned + Debug> FromSql<Document, Sqlite> for Measured<T> {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        let text = value.read_text();
        Ok(Self { value: serde_json::from_str(text)?, bytes: text.len() })
    }
}

impl<T: Serialize + Debug> ToSql<Document, Pg> for Json<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        serde_json::to_writer(out, &self.0)?;
        Ok(IsNull::No)
    }
}

impl<T: Serialize + Debug> ToSql<Searched, Pg> for Json<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&[JSONB_VERSION])?;
        ToSql::<Document, Pg>::to_sql(self, out)
    }
}

impl<T: DeserializeOwned + Debug> FromSql<Document, Sqlite> for Json<T> {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(serde_json::from_str(value.read_text())?))
    }
}

impl<T: DeserializeOwned + Debug> FromSql<Searched, Pg> for Json<T> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let json = value.as_bytes().strip_prefix(&[JSONB_VERSION]).ok_or("an unknown version of jsonb")?;
        Ok(Self(serde_json::from_slice(json)?))
    }
}

impl<T: DeserializeOwned + Debug> FromSql<Searched, Sqlite> for Json<T> {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        FromSql::<Document, Sqlite>::from_sql(value)
    }
}

impl<T: Serialize + Debug> ToSql<Document, Sqlite> for Json<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(&self.0)?);
        Ok(IsNull::No)
    }
}

impl<T: Serialize + Debug> ToSql<Searched, Sqlite> for Json<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        ToSql::<Document, Sqlite>::to_sql(self, out)
    }
}
