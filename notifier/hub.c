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
#include "hub_border.h"
#include "hub_room.h"
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

/* Something that a member waits for until others were told what it did. */
struct hub_receipt
{
	struct hub_receipt *next;  /* sent after this one */
	struct frame	   *frame; /* ours */
};

/* A message of the database that a member may have to be sent later. */
struct hub_kept
{
	struct hub_kept			*next;		/* came after this one */
	struct frame			*frame;		/* a reference */
	struct phoenix_broadcast broadcast; /* what is needed of it: id, and opaque */
};

void
hub_init(struct hub *hub, const struct hash_key *secret, hub_wake wake,
		 void *wake_owner)
{
	*hub = (struct hub){.wake = wake, .wake_owner = wake_owner};
	hash_map_init(&hub->rooms, secret);
	hash_map_init(&hub->sessions, secret);
	hub->presence_refs.instance = (uint32_t) hash_bytes(secret, SLICE("phx_ref"));
}

/* All members have left and all sessions were dropped before. */
void
hub_free(struct hub *hub)
{
	hash_map_free(&hub->rooms);
	hash_map_free(&hub->sessions);
}

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

/* What a room is found by: its kind in one byte, then its topic. */
#define KEY_MAX_BYTES (1 + PHOENIX_NAME_MAX)

static struct slice
make_key(char *bytes, struct slice topic, bool private)
{
	if (topic.length > PHOENIX_NAME_MAX)
		topic.length = PHOENIX_NAME_MAX;
	bytes[0] = private ? '!' : '.';
	memcpy(bytes + 1, topic.data, topic.length);
	return slice_of(bytes, 1 + topic.length);
}

static struct hub_room *
find_room(const struct hub *hub, struct slice topic, bool private)
{
	char			   bytes[KEY_MAX_BYTES];
	struct hash_entry *entry;

	entry = hash_map_find(&hub->rooms, make_key(bytes, topic, private));
	return entry != NULL ? hash_holder(entry, struct hub_room, entry) : NULL;
}

static struct hub_room *
new_room(struct hub *hub, struct slice topic, bool private, struct hub_session *session)
{
	char			 bytes[KEY_MAX_BYTES];
	struct slice	 key = make_key(bytes, topic, private);
	struct hub_room *room = memory_new(sizeof(*room) + key.length);

	room->hub = hub;
	memcpy(room->key, key.data, key.length);
	room->topic = slice_of(room->key + 1, key.length - 1);
	hash_map_add(&hub->rooms, &room->entry, slice_of(room->key, key.length));
	room->session = session;
	presence_init(&room->presences, &hub->presence_refs, hub->rooms.secret);
	if (session != NULL)
	{
		room->next = session->rooms;
		if (room->next != NULL)
			room->next->previous = room;
		session->rooms = room;
	}
	if (hub->border != NULL)
		border_enter(hub->border, room);
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

void
hub_room_changed(struct hub *hub, struct hub_room *room)
{
	if (room->changed_place != NULL)
		return;
	if (hub->changed == NULL)
		hub->wake(hub->wake_owner);
	else
		hub->changed->changed_place = &room->next_changed;
	room->next_changed = hub->changed;
	room->changed_place = &hub->changed;
	hub->changed = room;
}

static void
unmark_changed(struct hub_room *room)
{
	if (room->changed_place == NULL)
		return;
	*room->changed_place = room->next_changed;
	if (room->next_changed != NULL)
		room->next_changed->changed_place = room->changed_place;
	room->changed_place = NULL;
}

static void
free_room(struct hub *hub, struct hub_room *room)
{
	unmark_changed(room);
	if (hub->border != NULL)
		border_leave(hub->border, room);
	presence_free(&room->presences);
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
	free(room);
}

void
hub_enter(struct hub *hub, struct hub_member *member, struct slice topic,
		  bool private, struct hub_session *session)
{
	struct hub_room *room = find_room(hub, topic, private);

	if (room == NULL)
		room = new_room(hub, topic, private, session);
	member->room = room;
	member->previous = NULL;
	member->next = room->members;
	if (member->next != NULL)
		member->next->previous = member;
	room->members = member;
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

static void
send_receipts(struct hub_member *member)
{
	while (member->receipts != NULL)
	{
		struct hub_receipt *receipt = member->receipts;

		member->receipts = receipt->next;
		connection_send_take(member->connection, receipt->frame);
		free(receipt);
	}
}

static void
add_receipt(struct hub_member *member, struct frame *frame)
{
	struct hub_receipt **end = &member->receipts;

	if (frame == NULL)
		return;
	while (*end != NULL)
		end = &(*end)->next;
	*end = memory_new(sizeof(**end));
	(*end)->frame = frame;
}

void
hub_track(struct hub *hub, struct hub_member *member, struct slice key,
		  struct slice object, struct frame *receipt)
{
	member->presence = presence_track(&member->room->presences, member->presence,
									  key, object);
	add_receipt(member, receipt);
	hub_room_changed(hub, member->room);
}

static void
hide(struct hub_member *member)
{
	if (member->presence == NULL)
		return;
	presence_untrack(&member->room->presences, member->presence);
	member->presence = NULL;
}

void
hub_untrack(struct hub *hub, struct hub_member *member, struct frame *receipt)
{
	hide(member);
	add_receipt(member, receipt);
	hub_room_changed(hub, member->room);
}

bool
hub_hear_presence(struct hub_member *member, struct slice *state)
{
	member->awaits_presence = member->room->awaited != 0;
	if (member->awaits_presence)
		return false;
	member->hears_presence = true;
	*state = presence_state(&member->room->presences);
	return true;
}

void
hub_ignore_presence(struct hub_member *member)
{
	member->awaits_presence = false;
	member->hears_presence = false;
}

uint64_t
hub_presence_count(const struct hub_member *member)
{
	return member->room->presences.count;
}

static void
release_frames(struct frame *frames[PHOENIX_VERSIONS])
{
	for (int version = 0; version < PHOENIX_VERSIONS; version++)
		frame_release(frames[version]);
}

/* Tell the room what changed, and then those who did it that it is told. */
static void
flush_room(struct hub_room *room)
{
	struct buffer diff = {0};
	bool		  changed = presence_diff(&room->presences, &diff);
	struct frame *frames[PHOENIX_VERSIONS] = {NULL};

	for (struct hub_member *member = room->members; member != NULL;
		 member = member->next)
	{
		enum phoenix_version version = member->connection->version;

		if (changed && member->hears_presence)
		{
			if (frames[version] == NULL)
				frames[version] =
					phoenix_encode_push(version, SLICE("null"), SLICE("null"),
										room->topic, "presence_diff",
										buffer_slice(&diff));
			connection_send(member->connection, frames[version]);
		}
		send_receipts(member);
	}
	release_frames(frames);
	buffer_free(&diff);
}

static void
flush_changed(struct hub *hub, struct hub_room *room)
{
	unmark_changed(room);
	if (hub->border != NULL)
		border_flush(hub->border, room);
	flush_room(room);
}

void
hub_flush(struct hub *hub)
{
	while (hub->changed != NULL)
		flush_changed(hub, hub->changed);
}

/* A state shows what was told, so what the answers said is told before. */
void
hub_room_answered(struct hub *hub, struct hub_room *room, unsigned loop)
{
	const uint64_t bit = (uint64_t) 1 << loop;

	if ((room->awaited & bit) == 0)
		return;
	room->awaited &= ~bit;
	if (room->awaited != 0)
		return;
	if (room->changed_place != NULL)
		flush_changed(hub, room);
	for (struct hub_member *member = room->members; member != NULL; member = member->next)
	{
		if (member->awaits_presence)
			hub->present(member);
	}
}

static void
forget_kept(struct hub_member *member)
{
	while (member->kept != NULL)
	{
		struct hub_kept *kept = member->kept;

		member->kept = kept->next;
		frame_release(kept->frame);
		free((char *) kept->broadcast.id.data);
		free(kept);
	}
}

void
hub_leave(struct hub *hub, struct hub_member *member)
{
	struct hub_room *room = member->room;

	if (room == NULL)
		return;
	forget_kept(member);
	send_receipts(member);
	if (member->presence != NULL)
	{
		hide(member);
		hub_room_changed(hub, room);
	}
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

/* Was it told the message before? */
static bool
has_had(const struct hub_member *member, const struct phoenix_broadcast *broadcast)
{
	const struct slice id = broadcast->id;

	if (id.length == 0)
		return false;
	for (size_t at = 0; at + id.length <= member->replayed.length; at += id.length)
	{
		if (memcmp(member->replayed.data + at, id.data, id.length) == 0)
			return true;
	}
	return false;
}

/* Opaque bytes are only for those who can decode kind 4. */
static bool
understands(const struct connection		   *connection,
			const struct phoenix_broadcast *broadcast)
{
	return !broadcast->opaque ||
		   (connection->version == PHOENIX_V2 && connection->realtime_js);
}

/* Is it for this member of the room that it is sent to? */
static bool
is_for(const struct hub_member *member, const struct phoenix_broadcast *broadcast)
{
	return !member->deaf && !has_had(member, broadcast) &&
		   understands(member->connection, broadcast);
}

static void
keep(struct hub_member *member, const struct phoenix_broadcast *broadcast,
	 struct frame *frame)
{
	struct hub_kept **end = &member->kept;
	struct slice	  id = broadcast->id;

	if (id.length == 0 || member->kept_count == HUB_KEPT_MAX)
		return;
	member->kept_count++;
	while (*end != NULL)
		end = &(*end)->next;
	*end = memory_new(sizeof(**end));
	(*end)->frame = frame_retain(frame);
	(*end)->broadcast.opaque = broadcast->opaque;
	(*end)->broadcast.id = slice_of(memory_copy(id.data, id.length), id.length);
}

void
hub_stop_waiting(struct hub_member *member)
{
	member->waits = false;
	for (const struct hub_kept *kept = member->kept; kept != NULL; kept = kept->next)
	{
		if (is_for(member, &kept->broadcast))
			connection_send(member->connection, kept->frame);
	}
	forget_kept(member);
}

void
hub_replay(const struct hub_member *member, const struct phoenix_broadcast *broadcast)
{
	struct connection *connection = member->connection;

	if (is_for(member, broadcast))
		connection_send_take(connection,
							 phoenix_encode_broadcast(connection->version,
													  member->room->topic, broadcast));
}

void
hub_room_send(const struct hub_room *room, const struct hub_member *except,
			  const struct phoenix_broadcast *broadcast,
			  struct frame					 *frames[PHOENIX_VERSIONS])
{
	for (struct hub_member *member = room->members; member != NULL;
		 member = member->next)
	{
		struct connection	*connection = member->connection;
		enum phoenix_version version = connection->version;

		if (member == except || !is_for(member, broadcast))
			continue;
		if (frames[version] == NULL)
			frames[version] = phoenix_encode_broadcast(version, room->topic,
													   broadcast);
		if (member->waits)
			keep(member, broadcast, frames[version]);
		else
			connection_send(connection, frames[version]);
	}
}

/* To its members here, and nowhere else. */
static void
send_here(const struct hub_room *room, const struct phoenix_broadcast *broadcast)
{
	struct frame *frames[PHOENIX_VERSIONS] = {NULL};

	hub_room_send(room, NULL, broadcast, frames);
	release_frames(frames);
}

/* To all but one of its members; what was encoded for those here others get too. */
static void
send_everywhere(struct hub *hub, const struct hub_room *room, const struct hub_member *except,
				const struct phoenix_broadcast *broadcast)
{
	struct frame *frames[PHOENIX_VERSIONS] = {NULL};

	hub_room_send(room, except, broadcast, frames);
	if (hub->border != NULL)
		border_publish(hub->border, room->place, broadcast, frames);
	release_frames(frames);
}

void
hub_publish(struct hub *hub, const struct hub_member *sender, bool self,
			const struct phoenix_broadcast *broadcast)
{
	send_everywhere(hub, sender->room, self ? NULL : sender, broadcast);
}

void
hub_publish_to(struct hub *hub, struct slice topic, bool private,
			   const struct phoenix_broadcast *broadcast)
{
	const struct hub_room *room = find_room(hub, topic, private);
	char				   bytes[KEY_MAX_BYTES];

	if (room != NULL)
		send_everywhere(hub, room, NULL, broadcast);
	else if (hub->border != NULL)
		border_publish_to(hub->border, make_key(bytes, topic, private), broadcast);
}

void
hub_publish_here(const struct hub *hub, struct slice topic, bool private,
				 const struct phoenix_broadcast *broadcast)
{
	const struct hub_room *room = find_room(hub, topic, private);

	if (room != NULL)
		send_here(room, broadcast);
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
		send_here(room, &broadcast);
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
