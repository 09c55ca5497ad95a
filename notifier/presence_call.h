/*
 * presence_call.h
 *		What a client's presence messages do: track and untrack.
 */
#ifndef HARTHIO_PRESENCE_CALL_H
#define HARTHIO_PRESENCE_CALL_H

#include "channel.h"

/* The channel is joined.  The client always waits for the answer. */
void presence_call_receive(struct channel				*channel,
						   const struct phoenix_message *message);

#endif
