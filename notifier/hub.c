/*
 * hub.c
 *		Who hears what: topics and their members, sessions and their states.
 *
 * Sending only queues, and closing a connection only begins its end, so no
 * member leaves while a room is walked.
 */
#include "hub.h"

#include <stdlib.h>

#include "connection.h"
#include "log.h"
#include "memory.h"
#include "session_state.h"

struct hub_session
{
	struct hash_entry	 entry;	  /* in the hub, by id */
	char				*id;	  /* which session */
	unsigned			 holders; /* members and joins under way */
	struct hub_room		*rooms;	  /* its topics that have members */
	struct session_state state;	  /* the newest; no json: none is known */
};

struct hub_room
{
	struct hash_entry	entry;							/* in the hub, by topic */
	struct slice		topic;							/* its name; the bytes are ours */
	struct hub_member  *members;						/* at least one */
	struct hub_session *session;						/* what it is about; NULL: nothing we know */
	struct hub_room	   *next;							/* in the session */
	struct hub_room	   *previous;						/* in the session */
	struct frame	   *state_frames[PHOENIX_VERSIONS]; /* the session's state,
													 * once it was needed */
};

void
hub_init(struct hub *hub, const struct hash_key *secret)
{
	hash_map_init(&hub->rooms, secret);
	hash_map_init(&hub->sessions, secret);
}

/* All members have left and all sessions were dropped before. */
void
hub_free(struct hub *hub)
{
	hash_map_free(&hub->rooms);
	hash_map_free(&hub->sessions);
}

static struct hub_session *
find_session(const struct hub *hub, struct slice id)
{
	struct hash_entry *entry = hash_map_find(&hub->sessions, id);

	return entry != NULL ? hash_holder(entry, struct hub_session, entry) : NULL;
}

struct hub_session *
hub_session_hold(struct hub *hub, struct slice id)
{
	struct hub_session *session = find_session(hub, id);

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

static struct hub_room *
new_room(struct hub *hub, struct slice topic, struct hub_session *session)
{
	struct hub_room *room = memory_new(sizeof(*room));

	room->topic = slice_of(memory_copy(topic.data, topic.length), topic.length);
	hash_map_add(&hub->rooms, &room->entry, room->topic);
	room->session = session;
	if (session != NULL)
	{
		room->next = session->rooms;
		if (room->next != NULL)
			room->next->previous = room;
		session->rooms = room;
	}
	return room;
}

static void
forget_state_frames(struct hub_room *room)
{
	for (int version = 0; version < PHOENIX_VERSIONS; version++)
	{
		frame_release(room->state_frames[version]);
		room->state_frames[version] = NULL;
	}
}

static void
free_room(struct hub *hub, struct hub_room *room)
{
	hash_map_remove(&hub->rooms, &room->entry);
	if (room->session != NULL)
	{
		if (room->previous != NULL)
			room->previous->next = room->next;
		else
			room->session->rooms = room->next;
		if (room->next != NULL)
			room->next->previous = room->previous;
	}
	forget_state_frames(room);
	free((char *) room->topic.data);
	free(room);
}

void
hub_enter(struct hub *hub, struct hub_member *member, struct slice topic,
		  struct hub_session *session)
{
	struct hash_entry *entry = hash_map_find(&hub->rooms, topic);
	struct hub_room	  *room;

	room = entry != NULL ? hash_holder(entry, struct hub_room, entry)
						 : new_room(hub, topic, session);
	member->room = room;
	member->previous = NULL;
	member->next = room->members;
	if (member->next != NULL)
		member->next->previous = member;
	room->members = member;
}

void
hub_leave(struct hub *hub, struct hub_member *member)
{
	struct hub_room *room = member->room;

	if (room == NULL)
		return;
	if (member->previous != NULL)
		member->previous->next = member->next;
	else
		room->members = member->next;
	if (member->next != NULL)
		member->next->previous = member->previous;
	member->room = NULL;
	if (room->members == NULL)
		free_room(hub, room);
}

/* Opaque bytes are only for those who can decode kind 4. */
static bool
understands(const struct connection		   *connection,
			const struct phoenix_broadcast *broadcast)
{
	return !broadcast->opaque ||
		   (connection->version == PHOENIX_V2 && connection->realtime_js);
}

/* Send to all members of a room but one; "except" may be NULL. */
static void
send_to_room(const struct hub_room *room, const struct hub_member *except,
			 const struct phoenix_broadcast *broadcast)
{
	struct frame *frames[PHOENIX_VERSIONS] = {NULL};

	for (struct hub_member *member = room->members; member != NULL;
		 member = member->next)
	{
		struct connection	*connection = member->connection;
		enum phoenix_version version = connection->version;

		if (member == except || !understands(connection, broadcast))
			continue;
		if (frames[version] == NULL)
			frames[version] = phoenix_encode_broadcast(version, room->topic,
													   broadcast);
		connection_send(connection, frames[version]);
	}
	for (int version = 0; version < PHOENIX_VERSIONS; version++)
		frame_release(frames[version]);
}

void
hub_publish(const struct hub_member *sender, bool self,
			const struct phoenix_broadcast *broadcast)
{
	send_to_room(sender->room, self ? NULL : sender, broadcast);
}

void
hub_send_state(struct hub_member *member)
{
	struct hub_room			   *room = member->room;
	enum phoenix_version		version = member->connection->version;
	const struct session_state *state;

	if (room->session == NULL || room->session->state.json == NULL)
		return;
	state = &room->session->state;
	if (room->state_frames[version] == NULL)
	{
		struct phoenix_broadcast broadcast = {
			.event = slice_text(state->event),
			.payload = slice_text(state->json),
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
		.payload = slice_text(session->state.json),
	};

	for (struct hub_room *room = session->rooms; room != NULL; room = room->next)
		send_to_room(room, NULL, &broadcast);
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
	session = find_session(hub, slice_text(state.session_id));
	known = session != NULL && session->state.json != NULL;
	if (session == NULL || (known && !session_state_newer(&state, &session->state)))
	{
		session_state_free(&state);
		return true;
	}
	if (known && session_state_same(&state, &session->state))
	{
		session->state.version = state.version;
		session_state_free(&state);
		return true;
	}
	event = known ? session_state_event(&state, &session->state) : state.event;
	session_state_free(&session->state);
	session->state = state;
	for (struct hub_room *room = session->rooms; room != NULL; room = room->next)
		forget_state_frames(room);
	send_state_to_all(session, event);
	return true;
}

void
hub_state(struct hub *hub, struct slice json)
{
	if (!hub_try_state(hub, json))
		log_warning("hub", "event=not_a_state bytes=%zu", json.length);
}
