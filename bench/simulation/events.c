/*-------------------------------------------------------------------------
 *
 * events.c
 *	  What is to happen, the earliest first.
 *
 *-------------------------------------------------------------------------
 */
#include "events.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

void *
allocate(void *old, size_t size)
{
	void *memory = realloc(old, size);

	if (memory == NULL)
	{
		fprintf(stderr, "simulation: out of memory\n");
		exit(2);
	}
	return memory;
}

static bool
is_earlier(const Event *a, const Event *b)
{
	if (a->at != b->at)
		return a->at < b->at;
	return a->order < b->order;
}

void
events_add(Events *events, double at, EventKind kind, int session, int epoch)
{
	Event  event = {at, events->order++, kind, session, epoch};
	size_t place = events->count++;

	if (events->count > events->room)
	{
		events->room = events->room * 2 + 64;
		events->heap = allocate(events->heap, events->room * sizeof(Event));
	}
	while (place > 0 && is_earlier(&event, &events->heap[(place - 1) / 2]))
	{
		events->heap[place] = events->heap[(place - 1) / 2];
		place = (place - 1) / 2;
	}
	events->heap[place] = event;
}

Event
events_next(Events *events)
{
	Event  first = events->heap[0];
	Event  last = events->heap[--events->count];
	size_t place = 0;

	for (;;)
	{
		size_t child = 2 * place + 1;

		if (child >= events->count)
			break;
		if (child + 1 < events->count && is_earlier(&events->heap[child + 1], &events->heap[child]))
			child++;
		if (!is_earlier(&events->heap[child], &last))
			break;
		events->heap[place] = events->heap[child];
		place = child;
	}
	events->heap[place] = last;
	return first;
}
