//! What the event engine promises: bounds, order, faults of hosts, and that a run can be made again.

mod bounds;
mod calm;
mod events;
mod hosts;
mod links;
mod news;
mod others;
mod pairs;
mod reactor;
mod replay;
