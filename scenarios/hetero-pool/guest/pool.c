/*
 * A thread pool on unlike CPUs. Common code: it calls the kernels through pointers, which are the same in every variant.
 *
 *   pool JOBS RESULTS name=value...
 *     workers=N      threads, numbered from 0
 *     pin=1          worker w may run on CPU w only
 *     needs=A,B      what a CPU must have (as /proc/cpuinfo says it) to count as an extended one
 *     switch=1       each worker goes into the variant of the CPU that it is on, at its start
 *     dispatch=...   fifo: the next job, whoever asks
 *                    prefer: a worker of an extended CPU takes an M job while there is one, the others an F job
 *                    strict: a worker waits for no other job than its kind's
 *                    steal: each worker has a queue with jobs of its kind, and takes from the longest other one when it is empty
 *
 * JOBS has a line for each job: class (F or M), kernel, rounds, input. RESULTS gets a line for each job that has been done.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernels.h"
#include "melf.h"

enum { MAX_CPUS = 64, MAX_WORKERS = 128, MAX_INPUTS = 64, LINE = 4096 };

struct input {
    bool made;
    uint8_t a[INPUT_BYTES], b[INPUT_BYTES + SHIFTS];
};

struct job {
    char class;
    const struct kernel *kernel;
    unsigned rounds, input;
    struct job *next;
    int worker, tid, cpu, variant;
    uint64_t start, end;
    uint32_t result;
};

struct queue {
    struct job *first, **last;
    unsigned length;
};

enum dispatch { FIFO, PREFER, STRICT, STEAL };

struct worker {
    pthread_t thread;
    int number;
    bool extended;
    struct queue queue;
};

static struct job *jobs;
static unsigned job_count;
static struct input inputs[MAX_INPUTS];

static int worker_count = 1;
static bool pinned, switching;
static enum dispatch dispatch = FIFO;
static const char *needs = "";

static bool cpu_extended[MAX_CPUS];
static struct worker workers[MAX_WORKERS];
static struct queue plain_jobs, fast_jobs; /* F and M; FIFO has all in the first */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t ready;

static void fail(const char *what) {
    fprintf(stderr, "pool: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void push(struct queue *queue, struct job *job) {
    if (queue->first == NULL) queue->last = &queue->first;
    job->next = NULL;
    *queue->last = job;
    queue->last = &job->next;
    queue->length++;
}

static struct job *pop(struct queue *queue) {
    struct job *job = queue->first;
    if (job == NULL) return NULL;
    queue->first = job->next;
    queue->length--;
    return job;
}

static uint32_t next_random(uint32_t *state) { /* xorshift32 */
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void make_input(unsigned number) {
    struct input *input = &inputs[number];
    if (input->made) return;
    uint32_t state = 0x9e3779b9u * (number + 1);
    for (size_t i = 0; i < sizeof input->a; i++) input->a[i] = (uint8_t)next_random(&state);
    for (size_t i = 0; i < sizeof input->b; i++) input->b[i] = (uint8_t)next_random(&state);
    input->made = true;
}

static const struct kernel *kernel_named(const char *name) {
    for (const struct kernel *kernel = kernels; kernel->name != NULL; kernel++)
        if (strcmp(kernel->name, name) == 0) return kernel;
    errno = ENOENT;
    fail(name);
    return NULL;
}

static void read_jobs(const char *path) {
    FILE *file = fopen(path, "r");
    if (file == NULL) fail(path);
    char class, name[32];
    unsigned rounds, input, room = 0;
    while (fscanf(file, " %c %31s %u %u", &class, name, &rounds, &input) == 4) {
        if (job_count == room) {
            room = room == 0 ? 256 : 2 * room;
            jobs = realloc(jobs, room * sizeof *jobs);
            if (jobs == NULL) fail("jobs");
        }
        jobs[job_count++] = (struct job){.class = class, .kernel = kernel_named(name), .rounds = rounds,
                                         .input = input % MAX_INPUTS, .worker = -1};
        make_input(input % MAX_INPUTS);
    }
    fclose(file);
}

/* Whether every word of the comma-separated list is among the words of the line. */
static bool has_all(const char *line, const char *list) {
    char copy[256];
    snprintf(copy, sizeof copy, "%s", list);
    for (char *rest = copy, *word; (word = strsep(&rest, ",")) != NULL;) {
        if (*word == '\0') continue;
        const char *found = line;
        size_t length = strlen(word);
        while ((found = strstr(found, word)) != NULL) {
            char after = found[length];
            if (found > line && found[-1] == ' ' && (after == ' ' || after == '\n' || after == '\0')) break;
            found += length;
        }
        if (found == NULL) return false;
    }
    return true;
}

static void read_cpus(void) {
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (file == NULL) fail("/proc/cpuinfo");
    static char line[LINE];
    int cpu = -1;
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "processor : %d", &cpu) == 1) continue;
        bool flags = strncmp(line, "flags", 5) == 0 || strncmp(line, "Features", 8) == 0;
        if (flags && cpu >= 0 && cpu < MAX_CPUS) cpu_extended[cpu] = has_all(line, needs);
    }
    fclose(file);
}

/* Who is asked to do jobs of a class: every worker, if none is of the class's kind. */
static bool is_for(const struct worker *worker, char class) {
    return worker->extended == (class == 'M');
}

static void assign(void) {
    if (dispatch != STEAL) {
        for (unsigned i = 0; i < job_count; i++)
            push(dispatch != FIFO && jobs[i].class == 'M' ? &fast_jobs : &plain_jobs, &jobs[i]);
        return;
    }
    int next[2] = {0, 0};
    for (unsigned i = 0; i < job_count; i++) {
        int *at = &next[jobs[i].class == 'M'];
        for (int tries = 0; tries < worker_count && !is_for(&workers[*at], jobs[i].class); tries++)
            *at = (*at + 1) % worker_count;
        push(&workers[*at].queue, &jobs[i]);
        *at = (*at + 1) % worker_count;
    }
}

static bool is_only_kind(bool extended) {
    for (int i = 0; i < worker_count; i++)
        if (workers[i].extended != extended) return false;
    return true;
}

static struct job *steal(void) {
    struct queue *longest = NULL;
    for (int i = 0; i < worker_count; i++)
        if (longest == NULL || workers[i].queue.length > longest->length) longest = &workers[i].queue;
    return pop(longest);
}

static struct job *take(struct worker *worker) {
    pthread_mutex_lock(&lock);
    struct queue *own = worker->extended ? &fast_jobs : &plain_jobs;
    struct queue *other = worker->extended ? &plain_jobs : &fast_jobs;
    struct job *job;
    switch (dispatch) {
    case FIFO:
        job = pop(&plain_jobs);
        break;
    case STEAL:
        job = pop(&worker->queue);
        if (job == NULL) job = steal();
        break;
    default:
        job = pop(own);
        if (job == NULL && (dispatch == PREFER || is_only_kind(worker->extended))) job = pop(other);
    }
    pthread_mutex_unlock(&lock);
    return job;
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void execute(struct job *job, const struct worker *worker) {
    const struct input *input = &inputs[job->input];
    job->worker = worker->number;
    job->tid = gettid();
    job->cpu = sched_getcpu();
    job->variant = switching ? melf_current() : 0;
    job->start = now();
    uint32_t result = 0;
    for (unsigned round = 0; round < job->rounds; round++)
        result = (result << 1 | result >> 31) ^ job->kernel->run(input->a, input->b + round % SHIFTS);
    job->result = result;
    job->end = now();
}

static void settle(struct worker *worker) {
    if (pinned) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)worker->number, &set);
        if (sched_setaffinity(0, sizeof set, &set) != 0) fail("sched_setaffinity");
    }
    int cpu = sched_getcpu();
    worker->extended = pinned && cpu >= 0 && cpu < MAX_CPUS && cpu_extended[cpu];
    if (!switching) return;
    int variant = melf_variant(worker->extended ? "ext" : "base");
    if (variant < 0 || melf_switch(variant) < 0) fail("melf_switch");
}

static void *work(void *argument) {
    struct worker *worker = argument;
    char name[16];
    snprintf(name, sizeof name, "worker-%d", worker->number);
    pthread_setname_np(pthread_self(), name);
    settle(worker);
    pthread_barrier_wait(&ready); /* everybody knows its kind: the main thread assigns the jobs */
    pthread_barrier_wait(&ready);
    for (struct job *job; (job = take(worker)) != NULL;) execute(job, worker);
    return NULL;
}

static void write_results(const char *path) {
    FILE *file = fopen(path, "w");
    if (file == NULL) fail(path);
    for (unsigned i = 0; i < job_count; i++) {
        const struct job *job = &jobs[i];
        if (job->worker < 0) continue;
        fprintf(file, "%u %d %d %d %s %llu %llu %u\n", i, job->worker, job->tid, job->cpu,
                switching ? melf_variant_name(job->variant) : "-", (unsigned long long)job->start,
                (unsigned long long)job->end, job->result);
    }
    if (fclose(file) != 0) fail(path);
}

static void read_option(const char *option) {
    static const char *const names[] = {"fifo", "prefer", "strict", "steal"};
    if (strncmp(option, "workers=", 8) == 0) worker_count = atoi(option + 8);
    else if (strncmp(option, "needs=", 6) == 0) needs = option + 6;
    else if (strncmp(option, "pin=", 4) == 0) pinned = option[4] == '1';
    else if (strncmp(option, "switch=", 7) == 0) switching = option[7] == '1';
    else if (strncmp(option, "dispatch=", 9) == 0) {
        for (int i = 0; i < 4; i++)
            if (strcmp(option + 9, names[i]) == 0) dispatch = (enum dispatch)i;
    } else {
        errno = EINVAL;
        fail(option);
    }
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: pool JOBS RESULTS name=value...\n");
        return 2;
    }
    for (int i = 3; i < argc; i++) read_option(argv[i]);
    if (worker_count < 1 || worker_count > MAX_WORKERS) worker_count = 1;
    read_cpus();
    read_jobs(argv[1]);
    pthread_barrier_init(&ready, NULL, (unsigned)worker_count + 1);
    for (int i = 0; i < worker_count; i++) {
        workers[i].number = i;
        errno = pthread_create(&workers[i].thread, NULL, work, &workers[i]);
        if (errno != 0) fail("pthread_create");
    }
    pthread_barrier_wait(&ready);
    assign();
    pthread_barrier_wait(&ready);
    for (int i = 0; i < worker_count; i++) pthread_join(workers[i].thread, NULL);
    write_results(argv[2]);
    return 0;
}
