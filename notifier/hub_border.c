/*
 * hub_border.c
 *		The hubs of several event loops: what one tells the others.
 *
 * A loop that goes into a topic is in it from then on for those who publish.  It
 * tells those who were there, each answers with all who are present there, and
 * until all have, or have left, nobody is told who is.  So what comes before such
 * an answer is in it, and what comes after it is news.
 */
#include "hub_border.h"

#include <stdlib.h>

#include "hub_room.h"
#include "memory.h"

enum parcel_kind
{
	PARCEL_BROADCAST, /* something for all members */
	PARCEL_CAME,	  /* the loop has come in: who is present? */
	PARCEL_LEFT,	  /* it is not in the topic any more */
	PARCEL_PRESENT,	  /* all who are present there */
	PARCEL_CHANGED	  /* those for whom something has changed */
};

/* One for each loop that a parcel goes to. */
struct parcel_letter
{
	struct letter  letter;
	struct parcel *parcel;
	unsigned	   loop; /* whose room it is for */
	uint64_t	   stay; /* and which stay of that loop */
};

struct parcel
{
	atomic_uint				 references; /* letters that were not opened */
	enum parcel_kind		 kind;
	unsigned				 from;					   /* which loop has sent it */
	struct registry_place	*place;					   /* held */
	struct phoenix_broadcast broadcast;				   /* its bytes are in "bytes" */
	struct frame			*frames[PHOENIX_VERSIONS]; /* made of it; NULL: not yet */
	struct buffer			 bytes;					   /* or a list of presences */
	unsigned				 letter_count;			   /* how many follow */
	struct parcel_letter	 letters[];
};

static struct parcel *
new_parcel(const struct hub_border *border, enum parcel_kind kind,
		   struct registry_place *place, uint64_t loops)
{
	const unsigned count = (unsigned) __builtin_popcountll(loops);
	struct parcel *parcel = memory_new(sizeof(*parcel) + count * sizeof(parcel->letters[0]));

	parcel->kind = kind;
	parcel->from = border->loop;
	parcel->place = place;
	registry_hold(place);
	for (; loops != 0; loops &= loops - 1)
	{
		struct parcel_letter *letter = &parcel->letters[parcel->letter_count++];

		letter->parcel = parcel;
		letter->loop = (unsigned) __builtin_ctzll(loops);
		letter->stay = atomic_load(&place->stays[letter->loop].number);
	}
	atomic_init(&parcel->references, count);
	return parcel;
}

static void
drop_parcel(struct parcel *parcel)
{
	if (atomic_fetch_sub_explicit(&parcel->references, 1, memory_order_acq_rel) > 1)
		return;
	phoenix_release(parcel->frames);
	registry_drop(parcel->place);
	buffer_free(&parcel->bytes);
	free(parcel);
}

static void open_letter(struct letter *letter, void *reader);

/* The last one may be opened before this returns. */
static void
post(const struct hub_border *border, struct parcel *parcel)
{
	const unsigned count = parcel->letter_count;
	/* Somebody waits to be told who is there. */
	const bool urgent = parcel->kind != PARCEL_BROADCAST;

	for (unsigned i = 0; i < count; i++)
	{
		parcel->letters[i].letter.open = open_letter;
		border->post(border->owner, parcel->letters[i].loop, &parcel->letters[i].letter, urgent);
	}
}

static void
tell(const struct hub_border *border, enum parcel_kind kind, const struct hub_room *room,
	 uint64_t loops)
{
	if (loops != 0)
		post(border, new_parcel(border, kind, room->place, loops));
}

void
border_enter(struct hub_border *border, struct hub_room *room)
{
	room->place = registry_enter(border->registry, room->entry.key, border->loop, room,
								 &room->awaited);
	tell(border, PARCEL_CAME, room, room->awaited);
}

void
border_leave(struct hub_border *border, struct hub_room *room)
{
	tell(border, PARCEL_LEFT, room,
		 registry_leave(border->registry, room->place, border->loop));
	registry_drop(room->place);
	room->place = NULL;
}

/* The list is the parcel's. */
static void
tell_presences(const struct hub_border *border, const struct hub_room *room, uint64_t loops,
			   enum parcel_kind kind)
{
	struct parcel *parcel = new_parcel(border, kind, room->place, loops);

	presence_export(&room->presences, kind == PARCEL_PRESENT, &parcel->bytes);
	post(border, parcel);
}

void
border_flush(struct hub_border *border, const struct hub_room *room)
{
	const uint64_t others = registry_others(room->place, border->loop);

	if (others != 0)
		tell_presences(border, room, others, PARCEL_CHANGED);
}

/* Copy into the room that was made for it. */
static struct slice
keep(struct buffer *bytes, struct slice slice)
{
	const size_t at = bytes->length;

	if (slice.data == NULL)
		return slice;
	buffer_append(bytes, slice);
	return slice_of(bytes->data + at, slice.length);
}

static void
keep_broadcast(struct parcel *parcel, const struct phoenix_broadcast *broadcast)
{
	struct buffer *bytes = &parcel->bytes;
	const size_t   length = broadcast->event.length + broadcast->payload.length +
						  broadcast->meta.length + broadcast->id.length;

	*bytes = (struct buffer){.data = memory_resize(NULL, length + 1, 1), .capacity = length + 1};
	parcel->broadcast = (struct phoenix_broadcast){
		.event = keep(bytes, broadcast->event),
		.payload = keep(bytes, broadcast->payload),
		.opaque = broadcast->opaque,
		.meta = keep(bytes, broadcast->meta),
		.id = keep(bytes, broadcast->id),
	};
}

void
border_publish(struct hub_border *border, struct registry_place *place,
			   const struct phoenix_broadcast *broadcast,
			   struct frame *const			   frames[PHOENIX_VERSIONS])
{
	const uint64_t others = registry_others(place, border->loop);
	struct parcel *parcel;

	if (others == 0)
		return;
	parcel = new_parcel(border, PARCEL_BROADCAST, place, others);
	keep_broadcast(parcel, broadcast);
	for (int version = 0; version < PHOENIX_VERSIONS; version++)
	{
		if (frames[version] == NULL)
			continue;
		frame_share(frames[version]);
		parcel->frames[version] = frame_retain(frames[version]);
	}
	post(border, parcel);
}

void
border_publish_to(struct hub_border *border, struct slice key,
				  const struct phoenix_broadcast *broadcast)
{
	struct frame *const	   none[PHOENIX_VERSIONS] = {NULL};
	struct registry_place *place = registry_find(border->registry, key);

	if (place == NULL)
		return;
	border_publish(border, place, broadcast, none);
	registry_drop(place);
}

/* What is not encoded yet for somebody here is encoded here. */
static void
take_broadcast(const struct hub_room *room, const struct parcel *parcel)
{
	struct frame *frames[PHOENIX_VERSIONS] = {NULL};

	for (int version = 0; version < PHOENIX_VERSIONS; version++)
	{
		if (parcel->frames[version] != NULL)
			frames[version] = frame_retain(parcel->frames[version]);
	}
	hub_room_send(room, NULL, &parcel->broadcast, frames);
	phoenix_release(frames);
}

static void
take_presences(struct hub_room *room, const struct parcel *parcel)
{
	const bool all = parcel->kind != PARCEL_CHANGED;

	if (presence_import(&room->presences, (int) parcel->from, buffer_slice(&parcel->bytes), all))
		hub_room_changed(room->hub, room);
	if (all)
		hub_room_answered(room->hub, room, parcel->from);
}

static void
take(struct hub_room *room, const struct parcel *parcel)
{
	switch (parcel->kind)
	{
		case PARCEL_BROADCAST:
			take_broadcast(room, parcel);
			break;
		case PARCEL_CAME:
			tell_presences(room->hub->border, room, (uint64_t) 1 << parcel->from, PARCEL_PRESENT);
			break;
		case PARCEL_LEFT:
		case PARCEL_PRESENT:
		case PARCEL_CHANGED:
			take_presences(room, parcel);
			break;
	}
}

static void
open_letter(struct letter *letter, void *reader)
{
	struct parcel_letter	   *mine = (struct parcel_letter *) letter;
	struct parcel			   *parcel = mine->parcel;
	const struct registry_stay *stay = &parcel->place->stays[mine->loop];

	if (reader != NULL && mine->stay != 0 && atomic_load(&stay->number) == mine->stay)
		take(stay->room, parcel);
	drop_parcel(parcel);
}
