/*
 * hub.c
 *		Who is where: topics, and who is in their rooms.
 */
#include "hub.h"

#include <stdlib.h>

#include "hub_border.h"
#include "hub_room.h"
#include "memory.h"

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

struct slice
hub_room_key(char *bytes, struct slice topic, bool private)
{
	if (topic.length > PHOENIX_NAME_MAX)
		topic.length = PHOENIX_NAME_MAX;
	bytes[0] = private ? '!' : '.';
	memcpy(bytes + 1, topic.data, topic.length);
	return slice_of(bytes, 1 + topic.length);
}

struct hub_room *
hub_room_find(const struct hub *hub, struct slice topic, bool private)
{
	char			   bytes[HUB_KEY_MAX_BYTES];
	struct hash_entry *entry;

	entry = hash_map_find(&hub->rooms, hub_room_key(bytes, topic, private));
	return entry != NULL ? hash_holder(entry, struct hub_room, entry) : NULL;
}

static struct hub_room *
new_room(struct hub *hub, struct slice topic, bool private, struct hub_session *session)
{
	char			 bytes[HUB_KEY_MAX_BYTES];
	struct slice	 key = hub_room_key(bytes, topic, private);
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
free_room(struct hub *hub, struct hub_room *room)
{
	list_remove(&room->changed);
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
	hub_room_forget_state(room);
	free(room);
}

void
hub_enter(struct hub *hub, struct hub_member *member, struct slice topic,
		  bool private, struct hub_session *session)
{
	struct hub_room *room = hub_room_find(hub, topic, private);

	if (room == NULL)
		room = new_room(hub, topic, private, session);
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
	hub_member_forget_kept(member);
	hub_member_hide(hub, member);
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
