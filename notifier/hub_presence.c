/*
 * hub_presence.c
 *		Who shows what of himself in a room, and when the others are told.
 */
#include <stdlib.h>

#include "connection.h"
#include "hub_border.h"
#include "hub_room.h"
#include "memory.h"

/* Something that a member waits for until others were told what it did. */
struct hub_receipt
{
	struct hub_receipt *next;  /* sent after this one */
	struct frame	   *frame; /* ours */
};

void
hub_room_changed(struct hub *hub, struct hub_room *room)
{
	if (hub->changed == NULL)
		hub->wake(hub->wake_owner);
	list_add(&hub->changed, &room->changed);
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

void
hub_untrack(struct hub *hub, struct hub_member *member, struct frame *receipt)
{
	if (member->presence != NULL)
		presence_untrack(&member->room->presences, member->presence);
	member->presence = NULL;
	add_receipt(member, receipt);
	hub_room_changed(hub, member->room);
}

void
hub_member_hide(struct hub *hub, struct hub_member *member)
{
	send_receipts(member);
	if (member->presence != NULL)
		hub_untrack(hub, member, NULL);
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
	phoenix_release(frames);
	buffer_free(&diff);
}

static void
flush_changed(struct hub *hub, struct hub_room *room)
{
	list_remove(&room->changed);
	if (hub->border != NULL)
		border_flush(hub->border, room);
	flush_room(room);
}

void
hub_flush(struct hub *hub)
{
	while (hub->changed != NULL)
		flush_changed(hub, list_holder(hub->changed, struct hub_room, changed));
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
	if (room->changed.place != NULL)
		flush_changed(hub, room);
	for (struct hub_member *member = room->members; member != NULL; member = member->next)
	{
		if (member->awaits_presence)
			hub->present(member);
	}
}
