//! Changing a net that somebody else has made.

use std::any::{Any, TypeId, type_name};
use std::marker::PhantomData;

use super::net::{Net, first};
use super::{Host, HostFolds, Role};
use crate::actor::Made;
use crate::host::{Boot, HostId};
use crate::lawful::Promises;
use crate::machine::Machine;

impl Net {
    /// The handle of a host that somebody else has made.
    ///
    /// # Panics
    /// If there is none of this name, or it plays another role.
    pub fn find<R: Role>(&self, name: &str) -> Host<R> {
        self.with(|spec| {
            let index = spec.hosts.iter().position(|host| host.name == name);
            let index = index.unwrap_or_else(|| panic!("no host is called {name}"));
            let (id, host) = (HostId(index as u16), &spec.hosts[index]);
            let (of, kind) = host.role;
            assert!(of == TypeId::of::<R>(), "{name} is a {kind}, not a {}", type_name::<R>());
            Host { id, net: spec.net, peer: first(id, host), role: PhantomData }
        })
    }

    /// Whether a host has this name.
    pub fn has_host(&self, name: &str) -> bool {
        self.with(|spec| spec.hosts.iter().any(|host| host.name == name))
    }

    /// Plays a role with another machine, which takes the same commands and reports the same events.
    ///
    /// # Panics
    /// If the host is of another net.
    pub fn replace<M, W>(&self, host: Host<M>, make: impl Fn(Boot<'_>) -> W + Send + Sync + 'static)
    where
        M: Machine,
        W: Machine<Command = M::Command, Event = M::Event>,
    {
        self.with_host(host, |spec| spec.kind = Some(Box::new(Made(Box::new(make)))));
    }

    /// Puts a machine around the one that plays a role.
    ///
    /// # Panics
    /// If the host is of another net, or its machine was replaced before.
    pub fn wrap<M, W>(&self, host: Host<M>, wrap: impl Fn(Boot<'_>, M) -> W + Send + Sync + 'static)
    where
        M: Machine,
        W: Machine<Command = M::Command, Event = M::Event>,
    {
        self.with_host(host, |spec| {
            let kind: Option<Box<dyn Any>> = spec.kind.take().map(|kind| kind as _);
            let made = kind.and_then(|kind| kind.downcast::<Made<M>>().ok());
            let made = made.unwrap_or_else(|| panic!("{} has no {} any more", spec.name, type_name::<M>()));
            spec.kind = Some(Box::new(Made::<W>(Box::new(move |boot| wrap(boot, (made.0)(boot))))));
        });
    }

    /// What the machine of a host promises, in place of what its [`Place`](super::Place) said: for another that plays its role.
    ///
    /// # Panics
    /// If the host is of another net.
    pub fn promises<R>(&self, host: Host<R>, promises: Promises) {
        self.with_host(host, |spec| spec.promises = promises);
    }

    /// Whether there is a property of this name.
    pub fn has_property(&self, name: &str) -> bool {
        self.with(|spec| {
            spec.properties.iter().any(|other| other.name == name)
                || spec.folds.iter().any(|other| other.name == name)
        })
    }

    /// The same net without one of its properties, for example one that another machine in a role does not have to
    /// meet.
    ///
    /// # Panics
    /// If no property has this name.
    #[must_use]
    pub fn without_property(self, name: &str) -> Self {
        self.with(|spec| {
            if let Some(index) = spec.properties.iter().position(|property| property.name == name) {
                spec.properties.remove(index);
                return;
            }
            let index = spec.folds.iter().position(|fold| fold.name == name);
            let index = index.unwrap_or_else(|| panic!("no property is called {name:?}"));
            spec.folds.remove(index);
            spec.hosts.iter_mut().for_each(|host| host.folds.forget(index));
        });
        self
    }

    /// The same net without properties, to state others.
    #[must_use]
    pub fn without_properties(self) -> Self {
        self.with(|spec| {
            spec.properties.clear();
            spec.folds.clear();
            spec.hosts.iter_mut().for_each(|host| host.folds = HostFolds::default());
        });
        self
    }
}
