/*
 * file.c
 *		Small files that an operator names: secrets, keys, settings.
 */
#include "file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "log.h"
#include "memory.h"

static bool
read_all(FILE *file, size_t most, struct slice *content)
{
	char  *bytes = memory_resize(NULL, most + 2, 1);
	size_t length = fread(bytes, 1, most + 1, file);

	bytes[length] = '\0';
	*content = slice_of(bytes, length);
	if (!ferror(file) && length <= most)
		return true;
	file_forget(content);
	return false;
}

bool
file_read(const char *path, size_t most, bool secret, struct slice *content,
		  char problem[PROBLEM_MAX_BYTES])
{
	FILE	   *file = fopen(path, "re");
	struct stat about;
	bool		good;

	if (file == NULL || fstat(fileno(file), &about) != 0)
	{
		snprintf(problem, PROBLEM_MAX_BYTES, "could not open file \"%s\": %m", path);
		if (file != NULL)
			fclose(file);
		return false;
	}
	good = !S_ISDIR(about.st_mode) && read_all(file, most, content);
	fclose(file);
	if (!good)
		snprintf(problem, PROBLEM_MAX_BYTES,
				 "could not read file \"%s\": it is no file or has more than %zu bytes",
				 path, most);
	else if (secret && S_ISREG(about.st_mode) && (about.st_mode & S_IROTH) != 0)
		log_warning("options", "event=readable_by_all file=%s hint=%s", log_text(path),
					log_text("Take the right to read it from others."));
	return good;
}

void
file_forget(struct slice *content)
{
	if (content->data != NULL)
		explicit_bzero((char *) content->data, content->length);
	free((char *) content->data);
	*content = (struct slice){0};
}
