/*
 * messages.c
 *		Rows of realtime.messages, a line each: topic, private, event, payload, bytes
 *		and id, with a tab between them; an empty one is null.
 *
 * What is sent of a row says what is in it, to clients of each version; what
 * cannot be sent is not; and the row without a topic is the snapshot of the next
 * read.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "feed.h"
#include "json_scan.h"
#include "memory.h"
#include "message_row.h"
#include "topic.h"

#define ROWS_MAX	8
#define COLUMNS		6
#define PAYLOAD_MAX 300

enum column
{
	TOPIC,
	PRIVATE,
	EVENT,
	PAYLOAD,
	BYTES,
	ID
};

/* What is in a column, as a client sees it; no data: it is null. */
static struct slice
cell(const PGresult *rows, int row, enum column column)
{
	if (PQgetisnull(rows, row, (int) column))
		return (struct slice){0};
	return slice_of(PQgetvalue(rows, row, (int) column), (size_t) PQgetlength(rows, row, (int) column));
}

/* The column is jsonb, so what is there is JSON. */
static bool
can_be(enum column column, struct slice value)
{
	return column != PAYLOAD || json_scan_valid(value);
}

static void
take_cells(PGresult *rows, int row, struct slice line)
{
	for (int column = 0; column < COLUMNS; column++)
	{
		const char	*tab = memchr(line.data, '\t', line.length);
		const size_t length = tab != NULL && column < COLUMNS - 1 ? (size_t) (tab - line.data) : line.length;
		struct slice value = slice_of(line.data, length);
		const bool	 null = length == 0 || !can_be((enum column) column, value);
		const size_t used = length < line.length ? length + 1 : length;
		char		*bytes = memory_copy(value.data, value.length);

		CHECK(PQsetvalue(rows, row, column, null ? NULL : bytes, null ? -1 : (int) length) == 1);
		free(bytes);
		line = slice_of(line.data + used, line.length - used);
	}
}

static PGresult *
take_result(struct slice input)
{
	PGresAttDesc attributes[COLUMNS] = {0};
	PGresult	*rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

	for (int column = 0; column < COLUMNS; column++)
		attributes[column].name = memory_copy("c", 1);
	CHECK(PQsetResultAttrs(rows, COLUMNS, attributes) == 1);
	for (int column = 0; column < COLUMNS; column++)
		free(attributes[column].name);
	for (int row = 0; row < ROWS_MAX && input.length > 0; row++)
		take_cells(rows, row, fuzz_take_line(&input));
	return rows;
}

/* The envelope has the event, the payload and the id. */
static void
check_envelope(struct slice text, const struct message_row *message, struct slice id)
{
	json_t *envelope = fuzz_json(text, NULL);
	json_t *payload = fuzz_json(message->broadcast.payload, NULL);
	json_t *meta = json_object_get(envelope, "meta");

	CHECK(json_scan_valid(text));
	if (envelope != NULL && payload != NULL)
	{
		CHECK(slice_equal(fuzz_string(json_object_get(envelope, "event")), message->broadcast.event));
		CHECK(json_equal(json_object_get(envelope, "payload"), payload));
		CHECK(slice_equal(fuzz_string(json_object_get(meta, "id")), id));
	}
	json_decref(payload);
	json_decref(envelope);
}

static void
check_frames(const struct message_row *message, struct slice id)
{
	for (int version = 0; version < PHOENIX_VERSIONS; version++)
	{
		struct frame		  *frame;
		struct phoenix_message read;

		if (message->broadcast.opaque)
			continue;
		frame = phoenix_encode_broadcast((enum phoenix_version) version, SLICE("realtime:t"), &message->broadcast);
		CHECK(phoenix_decode_text((enum phoenix_version) version, fuzz_payload(frame, FRAME_TEXT), &read) == NULL);
		check_envelope(read.payload, message, id);
		phoenix_message_free(&read);
		frame_release(frame);
	}
}

static void
check_row(const PGresult *rows, int row, bool replayed)
{
	const struct slice payload = cell(rows, row, PAYLOAD);
	const struct slice sent = payload.data != NULL ? payload : cell(rows, row, BYTES);
	const struct slice topic = cell(rows, row, TOPIC);
	const struct slice event = cell(rows, row, EVENT);
	const struct slice id = cell(rows, row, ID);
	const bool		   good = event.data != NULL && sent.data != NULL && event.length <= PHOENIX_NAME_MAX && sent.length <= PAYLOAD_MAX &&
					  utf8_valid(topic) && utf8_valid(event) && utf8_valid(id) &&
					  utf8_valid(payload);
	struct message_row message;
	const char		  *wrong = message_row_read(rows, row, replayed, PAYLOAD_MAX, &message);

	CHECK((wrong == NULL) == good);
	if (wrong == NULL)
	{
		CHECK(slice_equal(message.topic, topic) && slice_equal(message.broadcast.payload, sent));
		CHECK(message.private == slice_equal(cell(rows, row, PRIVATE), SLICE("true")));
		CHECK(message.broadcast.opaque == (payload.data == NULL));
		CHECK(json_scan_valid(buffer_slice(&message.meta)));
		check_frames(&message, id);
	}
	message_row_free(&message);
}

/* The last row without a topic says how far this read came; without one, it is as before. */
static void
check_feed(const PGresult *rows)
{
	static const struct hash_key secret = {1, 2};
	struct limits				 limits = {.payload_bytes = PAYLOAD_MAX};
	struct hub					 hub;
	struct feed					 feed = {.hub = &hub, .limits = &limits, .here = true};
	const char					*last = NULL;

	hub_init(&hub, &secret, fuzz_ignore, NULL);
	for (int row = 0; row < PQntuples(rows); row++)
	{
		if (PQgetisnull(rows, row, TOPIC))
			last = PQgetvalue(rows, row, ID);
	}
	feed_take_rows(&feed, rows);
	CHECK(feed.snapshot == NULL);
	feed_read_done(&feed);
	CHECK(last == NULL ? feed.snapshot == NULL : strcmp(feed.snapshot, last) == 0);
	feed_free(&feed);
	hub_free(&hub);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PGresult *rows = take_result(slice_of((const char *) data, size));

	for (int row = 0; row < PQntuples(rows); row++)
	{
		check_row(rows, row, false);
		check_row(rows, row, true);
	}
	check_feed(rows);
	PQclear(rows);
	return 0;
}
