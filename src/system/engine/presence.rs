//! Whether the engine is still the one that work was begun on.

use std::time::Duration;

use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::TryStreamExt;

use super::Engine;

/// How long the engine may take to say what it remembers.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many events an engine remembers at most (Docker's `eventsLimit` is 256). With so many, an older one may be gone.
const REMEMBERED: usize = 200;

impl Engine {
    /// Tells whether the engine itself went away when a container was killed: it takes no new connection, or it was
    /// started anew and does not remember the container's end. What cannot be found out counts as still there.
    pub async fn went_away(&self, container: &str) -> bool {
        let Ok(fresh) = Self::connect_to(&self.place).await else {
            return true;
        };
        let options = EventsOptionsBuilder::new()
            .since("1")
            .until(&(fresh.now().0 + 1).to_string())
            .build();
        let events = fresh.docker.events(Some(options)).try_collect::<Vec<_>>();
        match tokio::time::timeout(PATIENCE, events).await {
            Ok(Ok(events)) => forgotten(container, &events),
            Ok(Err(_)) | Err(_) => false,
        }
    }
}

fn forgotten(container: &str, events: &[EventMessage]) -> bool {
    let is_end = |event: &EventMessage| {
        let attributes = event
            .actor
            .as_ref()
            .and_then(|actor| actor.attributes.as_ref());
        event.action.as_deref() == Some("die")
            && attributes
                .and_then(|attributes| attributes.get("name"))
                .is_some_and(|name| name == container)
    };
    events.len() < REMEMBERED && !events.iter().any(is_end)
}

#[cfg(test)]
mod tests {
    use bollard::models::EventActor;

    use super::*;

    fn event(action: &str, name: &str) -> EventMessage {
        EventMessage {
            action: Some(action.to_owned()),
            actor: Some(EventActor {
                attributes: Some([("name".to_owned(), name.to_owned())].into()),
                ..EventActor::default()
            }),
            ..EventMessage::default()
        }
    }

    #[test]
    fn an_engine_that_remembers_the_end_saw_it() {
        assert!(!forgotten("a", &[event("start", "a"), event("die", "a")]));
        assert!(forgotten("a", &[event("start", "a"), event("die", "b")]));
        assert!(forgotten("a", &[]));
        // So many events may have pushed the end out.
        assert!(!forgotten("a", &vec![event("die", "b"); 256]));
    }
}
