"""A SOAP service that judges our envelopes by its schema: PostImage, as plate forwarders call it.

    service.py PORT

What it took is printed as one JSON line; what the schema refuses becomes a fault, with status 500.
"""
import json
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

from spyne import Application, ByteArray, Decimal, ServiceBase, Unicode, rpc
from spyne.protocol.soap import Soap11
from spyne.server.wsgi import WsgiApplication


class Plates(ServiceBase):
    @rpc(Unicode(min_occurs=1, min_len=1), Unicode(min_occurs=1), Unicode(min_occurs=1),
         Unicode(min_occurs=1, max_len=16), Decimal(min_occurs=1, ge=0, le=1), ByteArray(min_occurs=1),
         _returns=Unicode)
    def PostImage(ctx, user, password, date, plate, score, image):
        taken = {"user": user, "password": password, "date": date, "plate": plate,
                 "score": float(score), "image": len(b"".join(image))}
        print(json.dumps(taken), flush=True)
        return "stored"


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


application = Application([Plates], "http://tempuri.org/", in_protocol=Soap11(validator="lxml"), out_protocol=Soap11())
make_server("127.0.0.1", int(sys.argv[1]), WsgiApplication(application), handler_class=Quiet).serve_forever()
