#ifndef ASSERTION_H
#define ASSERTION_H

/* Whose thread this is, for reports of failed assertions; 0 until it says so. */
extern _Thread_local int assertion_thread;

#endif
