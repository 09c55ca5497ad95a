/*
 * file.h
 *		Small files that an operator names: secrets, keys, settings.
 */
#ifndef HARTHIO_FILE_H
#define HARTHIO_FILE_H

#include "slice.h"

/* Room for what is wrong with something that the operator gave. */
#define PROBLEM_MAX_BYTES 256

/*
 * The whole of a regular file of at most "most" bytes; the bytes are the
 * caller's.  False, and what is wrong, if it cannot be had.  If it is "secret"
 * and everybody may read it, the log says so.
 */
bool file_read(const char *path, size_t most, bool secret, struct slice *content,
			   char problem[PROBLEM_MAX_BYTES]);

/* Overwrite before freeing; for what was secret. */
void file_forget(struct slice *content);

#endif
