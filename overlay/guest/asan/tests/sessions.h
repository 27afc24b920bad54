void share_block(char *block);
char *allocate_block(unsigned long bytes);
void run_session(void);
