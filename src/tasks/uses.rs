//! Writes down, now and then, when keys were last used.

use crate::http::State;
use actix_web::web;
use std::time::Duration;

/// How long a use may be known in memory only.
const REST: Duration = Duration::from_secs(30);

/// Writes what has gathered, for as long as it is let.
pub async fn run(state: web::Data<State>) {
    loop {
        tokio::time::sleep(REST).await;
        write(&state).await;
    }
}

/// Writes what has gathered.
pub async fn write(state: &State) {
    if let Err(error) = state.credentials.write_uses().await {
        log::warn!("when keys were last used was not written: {error}");
    }
}
