#include "common/tests/servers.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/tests/run.h"
#include "common/tests/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_SERVERS      8
#define MAX_ARGS         32
#define START_TIMEOUT_US (30 * ES_US_PER_S)
#define POLL_MS          10
#define OPEN_FILES       16 /* of nftw() */
#define DATA_MODE        0700
#define LOG_MODE         0600

/* What differs between the two servers. */
struct kind {
    const char *name;
    void (*command)(const struct es_test_server *server, const char **ret_argv);
    bool (*answers)(const struct es_test_server *server);
    int stop_signal;
    int kill_signal;
};

struct es_test_server {
    const struct kind *kind;
    char *folder;
    char *data;
    char *log;
    char *program;
    char *socket;  /* PostgreSQL: the setting that names its folder; Redis: the socket's path */
    char *address; /* Redis: "unix:/…" */
    pid_t pid;     /* 0: not running */
};

static struct es_test_server servers[MAX_SERVERS];
static size_t server_count;

/* --- ends ---------------------------------------------------------------------------------- */
static void show_log(const struct es_test_server *server)
{
    char line[512];
    ES_CLEANUP(es_fclose_p) FILE *log = fopen(server->log, "re");
    while (log != NULL && fgets(line, sizeof(line), log) != NULL) {
        (void)fputs(line, stderr);
    }
}

static ES_NORETURN void give_up(const struct es_test_server *server, const char *what)
{
    (void)fprintf(stderr, "%s: %s (%s)\n", server->kind->name, what, strerror(errno));
    show_log(server);
    exit(EXIT_FAILURE);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    (void)remove(path); /* a failure shows as a folder that stays: go on with the rest */
    return 0;
}

static void end_with_signal(struct es_test_server *server, int signal_number)
{
    if (server->pid == 0) {
        return;
    }
    es_test_server_thaw(server);
    (void)kill(server->pid, signal_number);
    while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    server->pid = 0;
}

static void end_all(int status, void *unused)
{
    (void)unused;
    for (size_t i = 0; i < server_count; i++) {
        end_with_signal(&servers[i], servers[i].kind->kill_signal);
        if (status == 0) {
            (void)nftw(servers[i].folder, remove_one, OPEN_FILES, FTW_DEPTH | FTW_PHYS);
        } else {
            (void)fprintf(stderr, "kept: %s\n", servers[i].folder);
        }
    }
}

/* --- running programs ---------------------------------------------------------------------- */
/* PostgreSQL refuses to run as root. */
static const struct passwd *unprivileged_user(void)
{
    if (geteuid() != 0) {
        return NULL;
    }
    const struct passwd *user = getpwnam("postgres");
    return user != NULL ? user : getpwnam("nobody");
}

static ES_NORETURN void become(const struct es_test_server *server, const char **argv,
                               int death_signal)
{
    const struct passwd *user = unprivileged_user();
    int log = open(server->log, O_WRONLY | O_CREAT | O_APPEND, LOG_MODE);
    if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0 ||
        chdir(server->folder) != 0) {
        _exit(EXIT_FAILURE);
    }
    if (user != NULL && (initgroups(user->pw_name, user->pw_gid) != 0 ||
                         setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) {
        _exit(EXIT_FAILURE);
    }
    (void)prctl(PR_SET_PDEATHSIG, death_signal); /* cleared by setuid, so after it */
    char *copies[MAX_ARGS] = {0};
    for (size_t i = 0; argv[i] != NULL; i++) {
        copies[i] = es_strdup(argv[i]);
    }
    (void)execvp(copies[0], copies);
    _exit(EXIT_FAILURE);
}

static pid_t run(const struct es_test_server *server, const char **argv, int death_signal)
{
    pid_t pid = fork();
    if (pid < 0) {
        give_up(server, "cannot fork");
    }
    if (pid == 0) {
        become(server, argv, death_signal);
    }
    return pid;
}

static void run_to_end(const struct es_test_server *server, const char **argv)
{
    int status = 0;
    pid_t pid = run(server, argv, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        give_up(server, argv[0]);
    }
}

/* Where this machine's PostgreSQL programs are (heap). */
static char *postgres_programs(void)
{
    const char *const argv[] = {"pg_config", "--bindir", NULL};
    ES_CLEANUP(es_buf_done) struct es_buf output = ES_BUF_INIT;
    if (es_test_run(argv, &output) != 0) {
        fail_msg("pg_config: %s", es_buf_str(&output));
    }
    ES_CLEANUP(es_free_p) char *text = es_buf_steal_str(&output);
    return es_strdup(es_trim(text));
}

static char *join(const char *a, const char *b)
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    es_buf_printf(&text, "%s%s", a, b);
    return es_buf_steal_str(&text);
}

/* --- the two kinds ------------------------------------------------------------------------- */
static void postgres_command(const struct es_test_server *server, const char **ret_argv)
{
    const char *const argv[] = {
        server->program,          "-D", server->data,          "-c", server->socket,           "-c",
        "listen_addresses=",      "-c", "fsync=off",           "-c", "full_page_writes=off",   "-c",
        "max_connections=100",    "-c", "shared_buffers=64MB", "-c", "deadlock_timeout=100ms", "-c",
        "log_min_messages=error", NULL};
    memcpy(ret_argv, argv, sizeof(argv));
}

static bool postgres_answers(const struct es_test_server *server)
{
    ES_CLEANUP(es_free_p)
    char *conninfo = es_test_postgres_conninfo(server, "postgres", "postgres");
    return PQping(conninfo) == PQPING_OK;
}

static void redis_command(const struct es_test_server *server, const char **ret_argv)
{
    const char *const argv[] = {server->program,
                                "--port",
                                "0",
                                "--unixsocket",
                                server->socket,
                                "--save",
                                "",
                                "--appendonly",
                                "no",
                                "--daemonize",
                                "no",
                                NULL};
    memcpy(ret_argv, argv, sizeof(argv));
}

static bool redis_answers(const struct es_test_server *server)
{
    redisContext *context = redisConnectUnix(server->socket);
    bool answers = context != NULL && context->err == 0;
    if (answers) {
        redisReply *reply = redisCommand(context, "PING");
        answers = reply != NULL && reply->type == REDIS_REPLY_STATUS;
        if (reply != NULL) {
            freeReplyObject(reply);
        }
    }
    if (context != NULL) {
        redisFree(context);
    }
    return answers;
}

/* SIGQUIT ends PostgreSQL at once with all its processes; SIGKILL would leave them and its shared
 * memory behind. */
static const struct kind postgres_kind = {.name = "postgres",
                                          .command = postgres_command,
                                          .answers = postgres_answers,
                                          .stop_signal = SIGINT,
                                          .kill_signal = SIGQUIT};
static const struct kind redis_kind = {.name = "redis-server",
                                       .command = redis_command,
                                       .answers = redis_answers,
                                       .stop_signal = SIGTERM,
                                       .kill_signal = SIGKILL};

/* --- starting and stopping ----------------------------------------------------------------- */
void es_test_server_start_again(struct es_test_server *server)
{
    const char *argv[MAX_ARGS] = {0};
    int64_t deadline_us = es_clock_mono_us() + START_TIMEOUT_US;
    server->kind->command(server, argv);
    server->pid = run(server, argv, server->kind->kill_signal);
    while (!server->kind->answers(server)) {
        if (waitpid(server->pid, NULL, WNOHANG) != 0) {
            server->pid = 0;
            give_up(server, "ended while it was starting");
        }
        if (es_clock_mono_us() > deadline_us) {
            give_up(server, "does not answer");
        }
        (void)poll(NULL, 0, POLL_MS);
    }
}

void es_test_server_stop(struct es_test_server *server)
{
    end_with_signal(server, server->kind->stop_signal);
}

void es_test_server_kill(struct es_test_server *server)
{
    end_with_signal(server, server->kind->kill_signal);
}

void es_test_server_restore(struct es_test_server *server)
{
    if (server->pid == 0) {
        es_test_server_start_again(server);
    } else {
        es_test_server_thaw(server);
    }
}

static void make_folder(struct es_test_server *server)
{
    const char *temporary = getenv("TMPDIR");
    const struct passwd *user = unprivileged_user();
    server->folder = join(temporary != NULL ? temporary : "/tmp", "/eldersafe-unit-XXXXXX");
    server->log = es_strdup("/dev/stderr"); /* until there is a folder */
    if (mkdtemp(server->folder) == NULL) {
        give_up(server, "cannot make a folder");
    }
    free(server->log);
    server->log = join(server->folder, "/log");
    server->data = join(server->folder, "/data");
    if (user != NULL && chown(server->folder, user->pw_uid, user->pw_gid) != 0) {
        give_up(server, "cannot give the folder away");
    }
}

static struct es_test_server *new_server(const struct kind *kind)
{
    if (server_count == 0 && on_exit(end_all, NULL) != 0) {
        abort();
    }
    if (server_count == MAX_SERVERS) {
        abort();
    }
    struct es_test_server *server = &servers[server_count++];
    server->kind = kind;
    make_folder(server);
    return server;
}

struct es_test_server *es_test_postgres_start(void)
{
    struct es_test_server *server = new_server(&postgres_kind);
    ES_CLEANUP(es_free_p) char *programs = postgres_programs();
    ES_CLEANUP(es_free_p) char *initdb = join(programs, "/initdb");
    server->program = join(programs, "/postgres");
    server->socket = join("unix_socket_directories=", server->folder);
    const char *argv[] = {initdb,    "-D",        server->data,        "--username", "postgres",
                          "--auth",  "trust",     "--encoding",        "UTF8",       "--locale",
                          "C.UTF-8", "--no-sync", "--no-instructions", NULL};
    run_to_end(server, argv);
    es_test_server_start_again(server);
    return server;
}

/* Bring DATABASE (connection string of a superuser) to this checkout's schema, roles included. */
static void migrate(const char *database)
{
    ES_CLEANUP(es_free_p) char *program = es_test_program("eldersafectl");
    ES_CLEANUP(es_buf_done) struct es_buf output = ES_BUF_INIT;
    const char *const argv[] = {program, "migrate", "--roles", "--database", database, NULL};
    if (es_test_run(argv, &output) != 0) {
        fail_msg("%s", es_buf_str(&output));
    }
}

struct es_test_server *es_test_schema_start(void)
{
    struct es_test_server *server = es_test_postgres_start();
    ES_CLEANUP(es_free_p)
    char *superuser = es_test_postgres_conninfo(server, "postgres", "postgres");
    migrate(superuser);
    return server;
}

struct es_test_server *es_test_redis_start(void)
{
    struct es_test_server *server = new_server(&redis_kind);
    server->program = es_strdup("redis-server");
    server->socket = join(server->folder, "/redis.sock");
    server->address = join("unix:", server->socket);
    es_test_server_start_again(server);
    return server;
}

char *es_test_postgres_conninfo(const struct es_test_server *server, const char *role,
                                const char *database)
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    es_buf_printf(&text, "host=%s user=%s dbname=%s", server->folder, role, database);
    return es_buf_steal_str(&text);
}

const char *es_test_redis_address(const struct es_test_server *server)
{
    return server->address;
}

/* --- freezing ------------------------------------------------------------------------------ */
static pid_t parent_of(pid_t pid)
{
    ES_CLEANUP(es_buf_done) struct es_buf path = ES_BUF_INIT;
    char stat[1024] = "";
    int parent = 0;
    es_buf_printf(&path, "/proc/%d/stat", (int)pid);
    ES_CLEANUP(es_fclose_p) FILE *file = fopen(es_buf_str(&path), "re");
    if (file == NULL || fgets(stat, sizeof(stat), file) == NULL) {
        return 0;
    }
    const char *name_end = strrchr(stat, ')'); /* the name may hold anything */
    if (name_end == NULL || sscanf(name_end, ") %*c %d", &parent) != 1) {
        return 0;
    }
    return parent;
}

/* The server itself first, so that it starts no further process meanwhile. */
static void signal_family(const struct es_test_server *server, int signal_number)
{
    (void)kill(server->pid, signal_number);
    DIR *processes = opendir("/proc");
    if (processes == NULL) {
        give_up(server, "cannot read /proc");
    }
    for (const struct dirent *entry = NULL; (entry = readdir(processes)) != NULL;) {
        uint64_t pid = 0;
        if (es_parse_u64(entry->d_name, &pid) && parent_of((pid_t)pid) == server->pid) {
            (void)kill((pid_t)pid, signal_number);
        }
    }
    (void)closedir(processes);
}

void es_test_server_freeze(struct es_test_server *server)
{
    signal_family(server, SIGSTOP);
}

void es_test_server_thaw(struct es_test_server *server)
{
    signal_family(server, SIGCONT);
}
