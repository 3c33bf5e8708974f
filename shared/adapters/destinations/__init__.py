"""Systems that take messages, one module for each way to reach one."""
