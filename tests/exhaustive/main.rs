//! Going through every schedule: that none is missed, none comes twice, what is planted is found, and equal states lose
//! nothing.

mod hosts;
mod merging;
mod planted;
mod same;
mod states;
mod systems;
