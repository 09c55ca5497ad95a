/*
 * private.h
 *		What the operator's policies let someone do in a private channel.
 *
 * Policies on realtime.messages say who may read and who may write a row of a
 * topic, for the extensions "broadcast" and "presence".  They are tried with
 * rows that are never committed, as the caller's role and with his claims, all
 * in one round trip; see docs/reference.md for what the notifier's role needs.
 */
#ifndef HARTHIO_PRIVATE_H
#define HARTHIO_PRIVATE_H

#include "database.h"

/* Statements of a request in one transaction, in this order; $1 claims, $2 topic. */
extern const char private_caller[];
extern const char private_try[];
extern const char private_rights[];

/* $1 topic, $2 since, $3 limit; its columns are those of message_row.h. */
extern const char private_replay[];

/* What private_rights returned. */
struct database_rights private_read_rights(const char *text);

#endif
