//! The process from outside: settings, start-up failures, logs, signals, and a database that goes away.

mod backup;
mod cluster;
mod commit;
mod crew;
mod database;
mod example;
mod health;
mod keys;
mod locks;
mod logs;
mod memory;
mod openapi;
mod outage;
mod proxy;
mod repeats;
mod retention;
mod risks;
mod secrets;
mod settings;
mod startup;
mod stop;
