#include "common/observe/process.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/version.h"
#include "common/observe/log.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define US_PER_S_DOUBLE 1e6

static void add_head(struct es_buf *out, const char *name, const char *type, const char *help)
{
    es_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_count(struct es_buf *out, const char *name, const char *type, const char *help,
                      uint64_t value)
{
    add_head(out, name, type, help);
    es_buf_printf(out, "%s %" PRIu64 "\n", name, value);
}

static void add_seconds(struct es_buf *out, const char *name, const char *type, const char *help,
                        double value)
{
    add_head(out, name, type, help);
    es_buf_printf(out, "%s %.6f\n", name, value);
}

/* Pages in memory: the second number of /proc/self/statm. */
static bool read_resident_bytes(uint64_t *ret_bytes)
{
    ES_CLEANUP(es_fclose_p) FILE *file = fopen("/proc/self/statm", "re");
    uint64_t pages = 0;
    if (file == NULL || fscanf(file, "%*u %" SCNu64, &pages) != 1) {
        return false;
    }
    *ret_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return true;
}

static void close_folder_p(DIR **folder)
{
    if (*folder != NULL) {
        (void)closedir(*folder);
    }
}

static bool count_open_files(uint64_t *ret_count)
{
    ES_CLEANUP(close_folder_p) DIR *folder = opendir("/proc/self/fd");
    uint64_t count = 0;
    if (folder == NULL) {
        return false;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        count += entry->d_name[0] != '.';
    }
    *ret_count = count - 1; /* the folder itself */
    return true;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / US_PER_S_DOUBLE;
}

void es_process_metrics_render(int64_t started_us, struct es_buf *out)
{
    uint64_t value = 0;
    struct rusage usage;
    struct rlimit files;
    if (read_resident_bytes(&value)) {
        add_count(out, "process_resident_memory_bytes", "gauge", "Resident memory in bytes.",
                  value);
    }
    if (count_open_files(&value)) {
        add_count(out, "process_open_fds", "gauge", "Open file descriptors.", value);
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        add_count(out, "process_max_fds", "gauge", "Most file descriptors that may be open.",
                  files.rlim_cur);
    }
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        add_seconds(out, "process_cpu_seconds_total", "counter",
                    "User and system CPU time in seconds.",
                    seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
    }
    add_seconds(out, "process_start_time_seconds", "gauge",
                "When the process started, in seconds since 1970.",
                (double)started_us / US_PER_S_DOUBLE);
    add_count(out, "eldersafe_log_broken_total", "counter",
              "Log lines of level broken: each is a bug.", es_log_broken_count());
    add_count(out, "eldersafe_log_lost_total", "counter", "Log lines that could not be written.",
              es_log_lost_count());
    add_head(out, "eldersafe_build_info", "gauge", "What was built, as labels.");
    es_buf_add_str(out, "eldersafe_build_info{version=\"" ES_VERSION "\"} 1\n");
}
