/*
 * memory.h
 *		Allocation that succeeds or ends the process.
 *
 * A notifier holds no state that matters, and its clients reconnect by
 * themselves: dying at once beats limping on in code that nobody can test.
 */
#ifndef HARTHIO_MEMORY_H
#define HARTHIO_MEMORY_H

#include <stddef.h>

void *memory_new(size_t size); /* zeroed */
void *memory_resize(void *old, size_t count, size_t size);
char *memory_copy(const char *bytes, size_t length); /* adds a NUL */

#endif
