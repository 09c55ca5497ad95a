/*-------------------------------------------------------------------------
 *
 * events.h
 *	  What is to happen, the earliest first.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATION_EVENTS_H
#define SIMULATION_EVENTS_H

#include <stddef.h>
#include <stdint.h>

typedef enum EventKind
{
	ARRIVE,
	CONNECTED,
	FAILED,
	DROPPED,
	ENDED,
	OUTAGE,
	HEALTH,
	SYBIL_ARRIVES
} EventKind;

typedef struct Event
{
	double	  at;
	uint64_t  order; /* between events of one moment */
	EventKind kind;
	int		  session;
	int		  epoch; /* of the session; a later one makes the event void */
} Event;

/* Zeroed memory is an empty queue. */
typedef struct Events
{
	Event	*heap; /* binary */
	size_t	 count;
	size_t	 room;
	uint64_t order; /* of the next event */
} Events;

extern void	 events_add(Events *events, double at, EventKind kind, int session, int epoch);
extern Event events_next(Events *events);

/* realloc() that ends the program if there is no memory */
extern void *allocate(void *old, size_t size);

#endif /* SIMULATION_EVENTS_H */
