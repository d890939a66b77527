"""How gunicorn serves the API; each setting says which accident it prevents."""

worker_class = "api.server.Worker"  # gthread, in which no client holds a thread by being slow
workers = 1
threads = 268  # streams hold one each, and so do clients that are waited for: others need some beside them
worker_connections = 512  # beyond them, the oldest that wait are closed; a process may often have 1,024 files
keepalive = 5
timeout = 60
graceful_timeout = 5  # open streams would hold a shutdown for ever
limit_request_line = 8190
limit_request_field_size = 16_380
limit_request_fields = 100
sendfile = False  # it would wait for clients that do not read
accesslog = None
errorlog = "-"
control_socket_disable = True  # nobody manages it at run time, and two stacks of one user would share the socket
