/*
 * dialect.c
 *		How each server is spoken to: connect, join, publish.
 */
#include "dialect.h"

#include <stdio.h>
#include <string.h>

#define MESSAGE_MAX 32768

#define READY(text) .ready = (text), .ready_length = sizeof(text) - 1

const char *dialect_token = "";

static void
upgrade(struct bytes *out, const char *path, const char *protocol)
{
	bytes_print(out,
				"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
				"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s%s\r\n",
				path, protocol != NULL ? "Sec-WebSocket-Protocol: " : "",
				protocol != NULL ? protocol : "", protocol != NULL ? "\r\n" : "");
}

static void
text_frame(struct bytes *out, const char *format, const char *topic,
		   const char *text, size_t length)
{
	char message[MESSAGE_MAX];
	int	 used = snprintf(message, sizeof(message), format, topic, (int) length, text);

	frame_append(out, OPCODE_TEXT, message, (size_t) used);
}

static void
phoenix_open(struct bytes *out, const char *topic, bool publisher)
{
	char path[4096];

	(void) topic;
	(void) publisher;
	snprintf(path, sizeof(path), "/realtime/v1/websocket?vsn=2.0.0&apikey=%s", dialect_token);
	upgrade(out, path, NULL);
}

static void
phoenix_join(struct bytes *out, const char *topic)
{
	text_frame(out,
			   "[\"1\",\"1\",\"realtime:%s\",\"phx_join\","
			   "{\"config\":{\"broadcast\":{\"ack\":false,\"self\":false}}}]",
			   topic, "", 0);
}

static void
phoenix_publish(struct bytes *out, const char *topic, const char *text, size_t length)
{
	text_frame(out,
			   "[null,null,\"realtime:%s\",\"broadcast\","
			   "{\"type\":\"broadcast\",\"event\":\"m\",\"payload\":%.*s}]",
			   topic, text, length);
}

/* nchan: the topic is in the path; publishers send plain requests. */
static void
nchan_open(struct bytes *out, const char *topic, bool publisher)
{
	char path[256];

	if (publisher)
		return;
	snprintf(path, sizeof(path), "/sub/%s", topic);
	upgrade(out, path, NULL);
}

static void
nchan_publish(struct bytes *out, const char *topic, const char *text, size_t length)
{
	bytes_print(out,
				"POST /pub/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
				"Content-Length: %zu\r\n\r\n%.*s",
				topic, length, (int) length, text);
}

static void
root_open(struct bytes *out, const char *topic, bool publisher)
{
	(void) topic;
	(void) publisher;
	upgrade(out, "/", NULL);
}

static void
nats_greet(struct bytes *out)
{
	static const char hello[] = "CONNECT {\"verbose\":false,\"echo\":false}\r\n";

	frame_append(out, OPCODE_BINARY, hello, sizeof(hello) - 1);
}

static void
nats_join(struct bytes *out, const char *topic)
{
	char message[256];
	int	 used = snprintf(message, sizeof(message), "SUB %s 1\r\nPING\r\n", topic);

	frame_append(out, OPCODE_BINARY, message, (size_t) used);
}

static void
nats_publish(struct bytes *out, const char *topic, const char *text, size_t length)
{
	char message[MESSAGE_MAX];
	int	 used = snprintf(message, sizeof(message), "PUB %s %zu\r\n%.*s\r\n",
						 topic, length, (int) length, text);

	frame_append(out, OPCODE_BINARY, message, (size_t) used);
}

static void
mqtt_open(struct bytes *out, const char *topic, bool publisher)
{
	(void) topic;
	(void) publisher;
	upgrade(out, "/", "mqtt");
}

/* MQTT 3.1.1: clean session, no keep-alive, no name. */
static void
mqtt_greet(struct bytes *out)
{
	static const char hello[] = "\x10\x0C\0\x04MQTT\x04\x02\0\0\0\0";

	frame_append(out, OPCODE_BINARY, hello, sizeof(hello) - 1);
}

/* A packet's topic, and what is before it: kind, remaining length, number. */
static size_t
mqtt_begin(char *packet, unsigned kind, size_t remaining, bool numbered, const char *topic)
{
	const size_t length = strlen(topic);
	size_t		 used = 0;

	packet[used++] = (char) kind;
	if (remaining >= 128)
		packet[used++] = (char) (remaining % 128 | 128);
	packet[used++] = (char) (remaining >= 128 ? remaining / 128 : remaining);
	if (numbered)
	{
		packet[used++] = 0;
		packet[used++] = 1;
	}
	packet[used++] = 0;
	packet[used++] = (char) length;
	memcpy(packet + used, topic, length);
	return used + length;
}

static void
mqtt_join(struct bytes *out, const char *topic)
{
	char   packet[256];
	size_t used = mqtt_begin(packet, 0x82, strlen(topic) + 5, true, topic);

	packet[used++] = 0;
	frame_append(out, OPCODE_BINARY, packet, used);
}

static void
mqtt_publish(struct bytes *out, const char *topic, const char *text, size_t length)
{
	char   packet[MESSAGE_MAX];
	size_t used = mqtt_begin(packet, 0x30, strlen(topic) + 2 + length, false, topic);

	memcpy(packet + used, text, length);
	frame_append(out, OPCODE_BINARY, packet, used + length);
}

/* The bridge of bridge.mjs. */
static void
bridge_join(struct bytes *out, const char *topic)
{
	text_frame(out, "{\"join\":\"%s\"}", topic, "", 0);
}

static void
socketio_open(struct bytes *out, const char *topic, bool publisher)
{
	(void) topic;
	(void) publisher;
	upgrade(out, "/socket.io/?EIO=4&transport=websocket", NULL);
}

static void
socketio_greet(struct bytes *out)
{
	frame_append(out, OPCODE_TEXT, "40", 2);
}

static void
socketio_join(struct bytes *out, const char *topic)
{
	text_frame(out, "42[\"join\",\"%s\"]", topic, "", 0);
}

static const struct dialect dialects[] = {
	{.name = "phoenix", READY("\"status\":\"ok\""), .publishers_join = true, .open = phoenix_open, .join = phoenix_join, .publish = phoenix_publish},
	{.name = "nchan", .open = nchan_open, .publish = nchan_publish},
	{.name = "nats", READY("PONG"), .open = root_open, .greet = nats_greet, .join = nats_join, .publish = nats_publish},
	{.name = "mqtt", READY("\x90\x03"), .open = mqtt_open, .greet = mqtt_greet, .join = mqtt_join, .publish = mqtt_publish},
	{.name = "bridge", READY("{\"joined\":"), .open = root_open, .join = bridge_join},
	{.name = "socketio", READY("[\"joined\""), .greeted = "40{", .open = socketio_open, .greet = socketio_greet, .join = socketio_join},
};

const struct dialect *
dialect_find(const char *name)
{
	for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++)
	{
		if (strcmp(dialects[i].name, name) == 0)
			return &dialects[i];
	}
	return NULL;
}
