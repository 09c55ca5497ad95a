/*
 * memory.c
 *		Allocation that succeeds or ends the process.
 */
#include "memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static void
out_of_memory(size_t size)
{
	log_error("memory", "event=exhausted bytes=%zu", size);
	abort();
}

void *
memory_new(size_t size)
{
	void *fresh = calloc(1, size);

	if (fresh == NULL)
		out_of_memory(size);
	return fresh;
}

/* Make room for "count" things of "size" bytes, keeping what is there. */
void *
memory_resize(void *old, size_t count, size_t size)
{
	void *fresh;

	if (size != 0 && count > SIZE_MAX / size)
		out_of_memory(SIZE_MAX);
	fresh = realloc(old, count * size);
	if (fresh == NULL)
		out_of_memory(count * size);
	return fresh;
}

char *
memory_copy(const char *bytes, size_t length)
{
	char *copy = memory_resize(NULL, length + 1, 1);

	if (length > 0)
		memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}
