"""How gunicorn serves the API; each setting says which accident it prevents."""

worker_class = "api.server.Worker"  # gthread with a timeout for request heads
workers = 1
threads = 64  # streams hold a thread each: with 8 threads, 30 streams starve every other request
worker_connections = 256
keepalive = 5
timeout = 60
graceful_timeout = 5  # open streams would hold a shutdown for ever
limit_request_line = 8190
limit_request_field_size = 16_380
limit_request_fields = 100
accesslog = None
errorlog = "-"
control_socket_disable = True  # nobody manages it at run time, and two stacks of one user would share the socket
