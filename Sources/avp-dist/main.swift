print("avp-dist")
