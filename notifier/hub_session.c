/*
 * hub_session.c
 *		Sessions that somebody here is in, and the newest state of each.
 */
#include <stdlib.h>

#include "connection.h"
#include "hub_room.h"
#include "log.h"
#include "memory.h"

struct hub_session *
hub_session_find(const struct hub *hub, struct slice id)
{
	struct hash_entry *entry = hash_map_find(&hub->sessions, id);

	return entry != NULL ? hash_holder(entry, struct hub_session, entry) : NULL;
}

struct hub_session *
hub_session_hold(struct hub *hub, struct slice id)
{
	struct hub_session *session = hub_session_find(hub, id);

	if (session == NULL)
	{
		session = memory_new(sizeof(*session));
		session->id = memory_copy(id.data, id.length);
		hash_map_add(&hub->sessions, &session->entry,
					 slice_of(session->id, id.length));
	}
	session->holders++;
	return session;
}

void
hub_session_drop(struct hub *hub, struct hub_session *session)
{
	if (--session->holders > 0)
		return;
	hash_map_remove(&hub->sessions, &session->entry);
	session_state_free(&session->state);
	free(session->id);
	free(session);
}

const char *
hub_session_id(const struct hub_session *session)
{
	return session->id;
}

struct hub_session *
hub_session_next(const struct hub *hub, const struct hub_session *last)
{
	struct hash_entry *entry;

	entry = hash_map_next(&hub->sessions, last != NULL ? &last->entry : NULL);
	return entry != NULL ? hash_holder(entry, struct hub_session, entry) : NULL;
}

struct hub_member *
hub_session_next_member(const struct hub_session *session,
						const struct hub_member	 *last)
{
	if (last == NULL)
		return session->rooms != NULL ? session->rooms->members : NULL;
	if (last->next != NULL)
		return last->next;
	return last->room->next != NULL ? last->room->next->members : NULL;
}

void
hub_room_forget_state(struct hub_room *room)
{
	phoenix_release(room->state_frames);
	memset(room->state_frames, 0, sizeof(room->state_frames));
}

void
hub_send_state(struct hub_member *member)
{
	struct hub_room			   *room = member->room;
	enum phoenix_version		version = member->connection->version;
	const struct session_state *state;

	if (room->session == NULL || room->session->state.json.data == NULL)
		return;
	state = &room->session->state;
	if (room->state_frames[version] == NULL)
	{
		struct phoenix_broadcast broadcast = {
			.event = slice_text(state->event),
			.payload = state->json,
		};

		room->state_frames[version] =
			phoenix_encode_broadcast(version, room->topic, &broadcast);
	}
	connection_send(member->connection, room->state_frames[version]);
}

/* Tell all who have heard the state before this one, under the event's name. */
static void
send_state_to_all(const struct hub_session *session, const char *event)
{
	const struct phoenix_broadcast broadcast = {
		.event = slice_text(event),
		.payload = session->state.json,
	};

	for (struct hub_room *room = session->rooms; room != NULL; room = room->next)
		hub_room_send_here(room, &broadcast);
}

bool
hub_try_state(struct hub *hub, struct slice json)
{
	struct session_state state;
	struct hub_session	*session;
	const char			*event;
	bool				 known;

	if (!session_state_parse(json, &state))
		return false;
	session = hub_session_find(hub, state.session_id);
	known = session != NULL && session->state.json.data != NULL;
	if (session == NULL || (known && !session_state_newer(&state, &session->state)))
		return true;
	if (known && session_state_same(&state, &session->state))
	{
		session->state.version = state.version;
		return true;
	}
	event = known ? session_state_event(&state, &session->state) : state.event;
	session_state_keep(&session->state, &state);
	hub->states++;
	for (struct hub_room *room = session->rooms; room != NULL; room = room->next)
		hub_room_forget_state(room);
	send_state_to_all(session, event);
	return true;
}

void
hub_state(struct hub *hub, struct slice json)
{
	if (!hub_try_state(hub, json))
		log_warning("hub", "event=not_a_state bytes=%zu", json.length);
}
