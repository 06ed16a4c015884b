//! The server as a process: settings, startup errors, logs, signals, and database outages.

mod access_log;
mod backup;
mod cluster;
mod commands;
mod commit;
mod env_example;
mod erasures;
mod health;
mod idempotent_creates;
mod keys;
mod locks;
mod logs;
mod memory;
mod open_files;
mod openapi;
mod outage;
mod proxy;
mod refusals;
mod retention;
mod secrets;
mod settings;
mod slow_readers;
mod startup;
mod stop;
mod warnings;
mod writers;
