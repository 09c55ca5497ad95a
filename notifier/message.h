/*
 * message.h
 *		What a client's messages do.
 */
#ifndef HARTHIO_MESSAGE_H
#define HARTHIO_MESSAGE_H

#include "connection.h"
#include "slice.h"

/* One whole message came in.  Never fails: what makes no sense is dropped. */
void message_receive(struct connection *connection, struct slice bytes,
					 bool binary);

/* Answer it with an error, if an answer is waited for. */
void message_reply_error(struct connection			  *connection,
						 const struct phoenix_message *message,
						 struct slice join_ref, const char *reason);

#endif
