/*
 * hub_send.c
 *		What is said in a room, to those who may hear it.
 *
 * Sending only queues, and closing a connection only begins its end, so no
 * member leaves while a room is walked.
 */
#include <stdlib.h>

#include "connection.h"
#include "hub_border.h"
#include "hub_room.h"
#include "memory.h"

/* A message of the database that a member may have to be sent later. */
struct hub_kept
{
	struct hub_kept			*next;		/* came after this one */
	struct frame			*frame;		/* a reference */
	struct phoenix_broadcast broadcast; /* what is needed of it: id, and opaque */
};

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
hub_member_forget_kept(struct hub_member *member)
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
hub_stop_waiting(struct hub_member *member)
{
	member->waits = false;
	for (const struct hub_kept *kept = member->kept; kept != NULL; kept = kept->next)
	{
		if (is_for(member, &kept->broadcast))
			connection_send(member->connection, kept->frame);
	}
	hub_member_forget_kept(member);
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

void
hub_room_send_here(const struct hub_room *room, const struct phoenix_broadcast *broadcast)
{
	struct frame *frames[PHOENIX_VERSIONS] = {NULL};

	hub_room_send(room, NULL, broadcast, frames);
	phoenix_release(frames);
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
	phoenix_release(frames);
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
	const struct hub_room *room = hub_room_find(hub, topic, private);
	char				   bytes[HUB_KEY_MAX_BYTES];

	if (room != NULL)
		send_everywhere(hub, room, NULL, broadcast);
	else if (hub->border != NULL)
		border_publish_to(hub->border, hub_room_key(bytes, topic, private), broadcast);
}

void
hub_publish_here(const struct hub *hub, struct slice topic, bool private,
				 const struct phoenix_broadcast *broadcast)
{
	const struct hub_room *room = hub_room_find(hub, topic, private);

	if (room != NULL)
		hub_room_send_here(room, broadcast);
}
