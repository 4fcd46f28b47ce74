// The API's description, shown by Swagger UI, which comes from this service like everything else.

/* global SwaggerUIBundle */
SwaggerUIBundle({ url: "openapi.json", dom_id: "#description", deepLinking: true, validatorUrl: null });
